"""Where Stripe sends events: a webhook endpoint takes snapshots, an event destination the reports that are thin alone.

Both show their signing secret once, in the answer to their making. An answer that was lost is had again under the same
key; where Stripe remembers a failure instead, another one is made, and `Sync` removes the first.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from api.billing.stripe.client import PAGE_SIZE, Stripe
from api.billing.stripe.event_objects import EventDestination, WebhookEndpoint
from api.billing.stripe.event_types import EVENTS, REPORTS

MARK = "kinora"


class EventTarget(Struct, frozen=True):
    """One of them, in either way. `right` says whether it is on and hears of exactly what we want."""

    id: str
    is_current: bool
    secret: str | None


class EventTargets(Protocol):
    """One way of being told."""

    name: str

    async def find_by_url(self, url: str) -> list[EventTarget]: ...
    async def create_target(self, url: str, key: str) -> EventTarget: ...
    async def enable_target(self, target: EventTarget) -> None: ...
    async def delete_target(self, target: EventTarget) -> None: ...


async def _find_nothing() -> None:
    """What is found here has no secret any more, so it is as good as not there."""


class WebhookEndpoints:
    """Snapshots, of the types we apply."""

    name = "webhook endpoint"

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    async def find_by_url(self, url: str) -> list[EventTarget]:
        """Those that lead to an address."""
        found = self._stripe.list_all(
            lambda c: c.v1.webhook_endpoints.list_async({"limit": PAGE_SIZE}), WebhookEndpoint
        )
        return [_endpoint_target(one) async for one in found if one.url == url]

    async def create_target(self, url: str, key: str) -> EventTarget:
        """Another one, with its secret."""
        wanted: Any = {"url": url, "enabled_events": list(EVENTS), "description": "Kinora"}
        return _endpoint_target(
            await self._stripe.create_once(
                key,
                _find_nothing,
                lambda c, options: c.v1.webhook_endpoints.create_async(wanted, options),
                WebhookEndpoint,
            )
        )

    async def enable_target(self, target: EventTarget) -> None:
        """Switch it on, for what we want."""
        wanted: Any = {"enabled_events": list(EVENTS), "disabled": False}
        await self._stripe.request(lambda c: c.v1.webhook_endpoints.update_async(target.id, wanted), WebhookEndpoint)

    async def delete_target(self, target: EventTarget) -> None:
        """Take it away."""
        await self._stripe.request_without_answer(lambda c: c.v1.webhook_endpoints.delete_async(target.id))


class EventDestinations:
    """Reports about usage."""

    name = "event destination"
    types = tuple(f"v1.{name}" for name in REPORTS)

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    async def find_by_url(self, url: str) -> list[EventTarget]:
        """Those that lead to an address, as their metadata say: Stripe shows the address itself only when asked to."""
        found = self._stripe.list_all(
            lambda c: c.v2.core.event_destinations.list_async({"limit": PAGE_SIZE}), EventDestination
        )
        return [self._destination_target(one) async for one in found if (one.metadata or {}).get(MARK) == url]

    async def create_target(self, url: str, key: str) -> EventTarget:
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
        return self._destination_target(
            await self._stripe.create_once(
                key,
                _find_nothing,
                lambda c, options: c.v2.core.event_destinations.create_async(wanted, options),
                EventDestination,
            )
        )

    async def enable_target(self, target: EventTarget) -> None:
        """Switch it on, for what we want."""
        wanted: Any = {"enabled_events": list(self.types)}
        await self._stripe.request_without_answer(
            lambda c: c.v2.core.event_destinations.update_async(target.id, wanted)
        )
        await self._stripe.request_without_answer(lambda c: c.v2.core.event_destinations.enable_async(target.id))

    async def delete_target(self, target: EventTarget) -> None:
        """Take it away."""
        await self._stripe.request_without_answer(lambda c: c.v2.core.event_destinations.delete_async(target.id))

    def _destination_target(self, one: EventDestination) -> EventTarget:
        right = one.status == "enabled" and sorted(one.enabled_events) == sorted(self.types)
        return EventTarget(one.id, right, one.signing_secret)


def _endpoint_target(one: WebhookEndpoint) -> EventTarget:
    right = one.status == "enabled" and sorted(one.enabled_events) == sorted(EVENTS)
    return EventTarget(one.id, right, one.secret)
