"""People who have bought at the Stripe double, and what our database has of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.billing.events.handlers import EventHandlers
from api.http.state import AppState
from api.sql import stripe_events
from api.sql.connection import Pool
from api.sql.stripe_events import InboxEvent
from tests.support.customer_histories import SOLD, CustomerActions, CustomerHistory
from tests.support.stripe_process import StripeProcess


async def create_subscriber(
    isolated_state: AppState, stripe_process: StripeProcess, kind: str = "plus", *, number: int = 1
) -> CustomerHistory:
    """Somebody who has just bought something, of whom we have heard nothing yet. The number chooses the card."""
    somebody = CustomerHistory(number, kind, [])
    await CustomerActions(stripe_process, [isolated_state.pool]).begin_history(somebody)
    return somebody


async def find_plan(pool: Pool, user: CustomerHistory) -> tuple[str, int | None]:
    async with pool.acquire() as db:
        row = await db.fetchrow("SELECT plan, plan_version FROM users WHERE id = $1", user.user_id)
    return row["plan"], row["plan_version"]


async def list_lots(pool: Pool, user: CustomerHistory) -> dict[str, tuple[int, int]]:
    """(granted, remaining) by bucket and source of the key."""
    async with pool.acquire() as db:
        rows = await db.fetch("SELECT key, granted, remaining FROM lots WHERE user_id = $1 ORDER BY id", user.user_id)
    return {row["key"]: (row["granted"], row["remaining"]) for row in rows}


async def apply_event(isolated_state: AppState, stripe_process: StripeProcess, kind: str, name: str) -> None:
    await EventHandlers(isolated_state.pool, stripe_process.stripe, SOLD).apply_event(
        InboxEvent("evt", "x", kind, name, 1)
    )


async def run_query(pool: Pool, query: str, *values: Any) -> None:
    async with pool.acquire() as db:
        await db.execute(query, *values)


async def insert_event(pool: Pool, name: str, kind: str, about: str) -> None:
    async with pool.acquire() as db:
        await stripe_events.insert_event(
            db, id=name, type="x", object_type=kind, object_id=about, occurred_at=datetime.now(UTC)
        )
