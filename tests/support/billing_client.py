"""A user of our billing routes, with the Stripe double behind them, who clicks as a person clicks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import msgspec
from litestar import Litestar

from api.billing.events.handlers import EventHandlers
from api.billing.stripe.client import PAGE_SIZE
from api.billing.stripe.event_objects import ReceivedEvent, SnapshotEvent
from api.http.middleware import wrap_app
from api.http.state import AppState, build_app_state
from api.settings import Settings
from api.sql.connection import connect
from api.sql.stripe_events import InboxEvent
from tests.support.stripe_process import StripeProcess
from tests.support.users import Person, sign_up

PAID = "https://example.org/paid"
DECLINED, POOR = "4000000000000002", "insufficient_funds"
WEBHOOKS = "http://127.0.0.1:9"
"""Where nobody listens: these tests hear of events by reading them."""


class BillingClient:
    """Our routes, the double behind them, and one person who buys."""

    def __init__(
        self, app_state: AppState, http_client: httpx.AsyncClient, stripe_process: StripeProcess, person: Person
    ) -> None:
        self.app_state, self.http_client, self.stripe_process, self.person = (
            app_state,
            http_client,
            stripe_process,
            person,
        )
        self.heard: set[str] = set()

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.http_client.post(f"/v1/billing{path}", json=body, headers=self.person.headers | headers)

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.http_client.get(f"/v1/billing{path}", headers=self.person.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def open_checkout(self, plan: str = "plus", **more: Any) -> dict[str, Any]:
        answer = await self.post("/checkout", {"plan": plan, "success_url": PAID, **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def subscribe(self, plan: str, *, trial: bool = False) -> dict[str, Any]:
        """Click through the page, and hear what Stripe tells; answers the subscription."""
        if not trial:
            async with self.app_state.pool.acquire() as connection:
                await connection.execute("UPDATE users SET trialled_at = now() WHERE id = $1", self.person.id)
        await self.stripe_process.complete_checkout((await self.open_checkout(plan))["url"])
        return await self.apply_events()

    async def apply_events(self) -> dict[str, Any]:
        """Apply every event there is that has not been; answers the subscription."""
        applying = EventHandlers(self.app_state.pool, self.app_state.stripe, self.app_state.tariff)
        for event in await self.list_events():
            if event.id not in self.heard:
                await applying.apply_event(InboxEvent(event.id, event.type, event.object_type, event.object_id, 1))
            self.heard.add(event.id)
        return await self.get("/subscription")

    async def list_events(self) -> list[ReceivedEvent]:
        """All there ever were of the kinds that matter here, oldest first."""
        found = self.stripe_process.stripe.list_all(
            lambda c: c.v1.events.list_async({"limit": PAGE_SIZE}), SnapshotEvent
        )
        told = [event.to_received_event() async for event in found]
        return [one for one in told if one.object_type in ("subscription", "invoice", "checkout.session")][::-1]

    async def change_plan(self, plan: str, **more: Any) -> dict[str, Any]:
        answer = await self.post("/subscription/change", {"plan": plan, **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def find_customer(self) -> str:
        async with self.app_state.pool.acquire() as connection:
            found: str = await connection.fetchval("SELECT stripe_customer FROM users WHERE id = $1", self.person.id)
        return found

    async def list_objects(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """What the double has of this customer, newest first."""
        found: list[dict[str, Any]] = (
            await self.stripe_process.call_stripe("GET", path, customer=await self.find_customer(), **params)
        )["data"]
        return found


@asynccontextmanager
async def open_billing(
    stripe_process: StripeProcess, settings: Settings, app: Litestar
) -> AsyncIterator[BillingClient]:
    selling = msgspec.structs.replace(
        settings, stripe_key=stripe_process.settings.stripe_key, stripe_url=stripe_process.url
    )
    pool = await connect(settings.database_url, connections=10)
    async with build_app_state(selling, pool) as app_state:
        app.state.app_state = app_state
        transport = httpx.ASGITransport(app=cast("Any", wrap_app(app)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as http_client:
            client = BillingClient(app_state, http_client, stripe_process, await sign_up(http_client))
            client.heard = {event.id for event in await client.list_events()}
            yield client
    await pool.close()


def problem_code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
