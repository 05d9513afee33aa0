"""The targets to which Stripe sends events: a webhook endpoint for snapshot events, and an event destination for the
reports that exist as thin events alone.

Both show their signing secret once, in the answer to their creation. An answer that was lost is repeated under the same
idempotency key; where Stripe repeats a failure instead, another target is created, and `AccountSync` deletes the first.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from api.billing.stripe.client import PAGE_SIZE, Stripe
from api.billing.stripe.event_objects import EventDestination, WebhookEndpoint
from api.billing.stripe.event_types import EVENTS, REPORTS

URL_KEY = "kinora"
"""Metadata key under which an event destination keeps its URL."""


class EventTarget(Struct, frozen=True):
    """A target of either kind. `is_current` if it is enabled for exactly our event types."""

    id: str
    is_current: bool
    secret: str | None


class EventTargets(Protocol):
    """The targets of one kind in an account."""

    name: str

    async def find_by_url(self, url: str) -> list[EventTarget]: ...
    async def create_target(self, url: str, key: str) -> EventTarget: ...
    async def enable_target(self, target: EventTarget) -> None: ...
    async def delete_target(self, target: EventTarget) -> None: ...


async def _find_nothing() -> None:
    """Finds no earlier target, on purpose: an existing one shows no secret, so it is of no use."""


class WebhookEndpoints:
    """Targets of snapshot events, for the types that we apply."""

    name = "webhook endpoint"

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    async def find_by_url(self, url: str) -> list[EventTarget]:
        """The targets with this URL."""
        endpoints = self._stripe.list_all(
            lambda c: c.v1.webhook_endpoints.list_async({"limit": PAGE_SIZE}), WebhookEndpoint
        )
        return [_endpoint_target(endpoint) async for endpoint in endpoints if endpoint.url == url]

    async def create_target(self, url: str, key: str) -> EventTarget:
        """A new target, with its secret."""
        params: Any = {"url": url, "enabled_events": list(EVENTS), "description": "Kinora"}
        return _endpoint_target(
            await self._stripe.create_once(
                key,
                _find_nothing,
                lambda c, options: c.v1.webhook_endpoints.create_async(params, options),
                WebhookEndpoint,
            )
        )

    async def enable_target(self, target: EventTarget) -> None:
        """Enable a target for our event types."""
        params: Any = {"enabled_events": list(EVENTS), "disabled": False}
        await self._stripe.request(lambda c: c.v1.webhook_endpoints.update_async(target.id, params), WebhookEndpoint)

    async def delete_target(self, target: EventTarget) -> None:
        """Delete a target."""
        await self._stripe.request_without_answer(lambda c: c.v1.webhook_endpoints.delete_async(target.id))


class EventDestinations:
    """Targets of thin events, for reports about usage."""

    name = "event destination"
    types = tuple(f"v1.{name}" for name in REPORTS)

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    async def find_by_url(self, url: str) -> list[EventTarget]:
        """The targets with this URL in their metadata: Stripe shows the URL itself only on request."""
        destinations = self._stripe.list_all(
            lambda c: c.v2.core.event_destinations.list_async({"limit": PAGE_SIZE}), EventDestination
        )
        return [
            self._destination_target(destination)
            async for destination in destinations
            if (destination.metadata or {}).get(URL_KEY) == url
        ]

    async def create_target(self, url: str, key: str) -> EventTarget:
        """A new target, with its secret."""
        params: Any = {
            "name": "Kinora",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": list(self.types),
            "metadata": {URL_KEY: url},
            "webhook_endpoint": {"url": url},
            "include": ["webhook_endpoint.signing_secret"],
        }
        return self._destination_target(
            await self._stripe.create_once(
                key,
                _find_nothing,
                lambda c, options: c.v2.core.event_destinations.create_async(params, options),
                EventDestination,
            )
        )

    async def enable_target(self, target: EventTarget) -> None:
        """Enable a target for our event types."""
        params: Any = {"enabled_events": list(self.types)}
        await self._stripe.request_without_answer(
            lambda c: c.v2.core.event_destinations.update_async(target.id, params)
        )
        await self._stripe.request_without_answer(lambda c: c.v2.core.event_destinations.enable_async(target.id))

    async def delete_target(self, target: EventTarget) -> None:
        """Delete a target."""
        await self._stripe.request_without_answer(lambda c: c.v2.core.event_destinations.delete_async(target.id))

    def _destination_target(self, destination: EventDestination) -> EventTarget:
        is_current = destination.status == "enabled" and sorted(destination.enabled_events) == sorted(self.types)
        return EventTarget(destination.id, is_current, destination.signing_secret)


def _endpoint_target(endpoint: WebhookEndpoint) -> EventTarget:
    is_current = endpoint.status == "enabled" and sorted(endpoint.enabled_events) == sorted(EVENTS)
    return EventTarget(endpoint.id, is_current, endpoint.secret)
