"""Where Stripe sends events: a webhook endpoint takes snapshots, an event destination the reports that are thin alone.

Both show their signing secret once, in the answer to their making. An answer that was lost is had again under the same
key; where Stripe remembers a failure instead, another one is made, and `Sync` removes the first.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from api.billing.stripe.client import PAGE, Stripe
from api.billing.stripe.event_types import EVENTS, REPORTS
from api.billing.stripe.objects import EventDestination, WebhookEndpoint

MARK = "kinora"


class Target(Struct, frozen=True):
    """One of them, in either way. `right` says whether it is on and hears of exactly what we want."""

    id: str
    right: bool
    secret: str | None


class Targets(Protocol):
    """One way of being told."""

    name: str

    async def at(self, url: str) -> list[Target]: ...
    async def make(self, url: str, key: str) -> Target: ...
    async def mend(self, target: Target) -> None: ...
    async def remove(self, target: Target) -> None: ...


async def _nothing() -> None:
    """What is found here has no secret any more, so it is as good as not there."""


class Endpoints:
    """Snapshots, of the types we apply."""

    name = "webhook endpoint"

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    async def at(self, url: str) -> list[Target]:
        """Those that lead to an address."""
        found = self._stripe.pages(lambda c: c.v1.webhook_endpoints.list_async({"limit": PAGE}), WebhookEndpoint)
        return [_endpoint(one) async for one in found if one.url == url]

    async def make(self, url: str, key: str) -> Target:
        """Another one, with its secret."""
        wanted: Any = {"url": url, "enabled_events": list(EVENTS), "description": "Kinora"}
        return _endpoint(
            await self._stripe.create_once(
                key, _nothing, lambda c, options: c.v1.webhook_endpoints.create_async(wanted, options), WebhookEndpoint
            )
        )

    async def mend(self, target: Target) -> None:
        """Switch it on, for what we want."""
        wanted: Any = {"enabled_events": list(EVENTS), "disabled": False}
        await self._stripe.ask(lambda c: c.v1.webhook_endpoints.update_async(target.id, wanted), WebhookEndpoint)

    async def remove(self, target: Target) -> None:
        """Take it away."""
        await self._stripe.do(lambda c: c.v1.webhook_endpoints.delete_async(target.id))


class Destinations:
    """Reports about usage."""

    name = "event destination"
    types = tuple(f"v1.{name}" for name in REPORTS)

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    async def at(self, url: str) -> list[Target]:
        """Those that lead to an address, as their metadata say: Stripe shows the address itself only when asked to."""
        found = self._stripe.pages(lambda c: c.v2.core.event_destinations.list_async({"limit": PAGE}), EventDestination)
        return [self._target(one) async for one in found if (one.metadata or {}).get(MARK) == url]

    async def make(self, url: str, key: str) -> Target:
        """Another one, with its secret."""
        wanted: Any = {
            "name": "Kinora",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": list(self.types),
            "metadata": {MARK: url},
            "webhook_endpoint": {"url": url},
            "include": ["webhook_endpoint.signing_secret"],
        }
        return self._target(
            await self._stripe.create_once(
                key,
                _nothing,
                lambda c, options: c.v2.core.event_destinations.create_async(wanted, options),
                EventDestination,
            )
        )

    async def mend(self, target: Target) -> None:
        """Switch it on, for what we want."""
        wanted: Any = {"enabled_events": list(self.types)}
        await self._stripe.do(lambda c: c.v2.core.event_destinations.update_async(target.id, wanted))
        await self._stripe.do(lambda c: c.v2.core.event_destinations.enable_async(target.id))

    async def remove(self, target: Target) -> None:
        """Take it away."""
        await self._stripe.do(lambda c: c.v2.core.event_destinations.delete_async(target.id))

    def _target(self, one: EventDestination) -> Target:
        right = one.status == "enabled" and sorted(one.enabled_events) == sorted(self.types)
        return Target(one.id, right, one.signing_secret)


def _endpoint(one: WebhookEndpoint) -> Target:
    right = one.status == "enabled" and sorted(one.enabled_events) == sorted(EVENTS)
    return Target(one.id, right, one.secret)
