"""The inbox on PostgreSQL: each event once, tried again, parked, and never in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from api.billing.events.backoff import LONGEST_DELAY, retry_delay
from api.billing.events.inbox import LEASE, Inbox
from api.billing.stripe.locks import ObjectBusyError, lock_object
from api.errors import PaymentsUnavailable
from api.http.state import AppState
from api.sql import chores, stripe_events
from api.sql.connection import Pool, transaction
from api.sql.stripe_events import InboxEvent

Look = Callable[[InboxEvent], Awaitable[None]]


async def put(pool: Pool, name: str, about: str = "in_1", kind: str = "invoice") -> bool:
    async with transaction(pool) as db:
        return await stripe_events.insert_event(
            db, id=name, type="invoice.paid", object_type=kind, object_id=about, occurred_at=datetime.now(UTC)
        )


async def state(pool: Pool, name: str) -> dict[str, Any]:
    async with pool.acquire() as db:
        row = await db.fetchrow(
            """
            SELECT applied_at IS NOT NULL AS applied, tries, error, not_before = 'infinity' AS parked,
              CASE WHEN not_before < 'infinity' THEN extract(epoch FROM not_before - now())::float8 END AS due_in,
              lease_until IS NOT NULL AS leased
            FROM stripe_events
            WHERE id = $1
            """,
            name,
        )
    return dict(row)


async def run(pool: Pool, query: str) -> None:
    async with pool.acquire() as db:
        await db.execute(query)


async def test_events_are_applied_once_each(isolated_state: AppState) -> None:
    seen: list[str] = []

    async def apply(event: InboxEvent) -> None:
        seen.append(event.id)

    for number in range(20):
        assert await put(isolated_state.pool, f"evt_{number}", about=f"in_{number}")
        assert not await put(isolated_state.pool, f"evt_{number}", about="another")
    await asyncio.gather(*(Inbox(isolated_state.pool, apply).drain() for _ in range(3)))
    assert sorted(seen) == sorted(f"evt_{number}" for number in range(20))
    assert all([(await state(isolated_state.pool, f"evt_{number}"))["applied"] for number in range(20)])


async def test_one_read_applies_every_earlier_event_of_the_object(isolated_state: AppState) -> None:
    seen: list[str] = []

    async def apply(event: InboxEvent) -> None:
        seen.append(event.id)
        if event.id == "evt_1":
            await put(isolated_state.pool, "evt_later")

    for name in ("evt_1", "evt_2", "evt_3"):
        await put(isolated_state.pool, name)
    await put(isolated_state.pool, "evt_of_another_kind", kind="refund")
    await Inbox(isolated_state.pool, apply, concurrency=1).drain()
    assert sorted(seen) == ["evt_1", "evt_later", "evt_of_another_kind"]
    assert (await state(isolated_state.pool, "evt_3"))["applied"]


async def test_a_poisoned_event_stops_no_other(isolated_state: AppState) -> None:
    seen: list[str] = []

    async def apply(event: InboxEvent) -> None:
        if event.id == "evt_0":
            raise KeyError("what nobody thought of")
        seen.append(event.id)

    for number in range(6):
        await put(isolated_state.pool, f"evt_{number}", about=f"in_{number}")
    await Inbox(isolated_state.pool, apply, concurrency=2).drain()
    assert len(seen) == 5
    poisoned = await state(isolated_state.pool, "evt_0")
    assert not poisoned["applied"]
    assert poisoned["error"] == "KeyError: 'what nobody thought of'"
    assert poisoned["tries"] == 1
    assert 0 < poisoned["due_in"] < 5


async def test_failed_events_back_off_and_are_parked_after_a_day(isolated_state: AppState) -> None:
    async def apply(_: InboxEvent) -> None:
        raise PaymentsUnavailable

    box = Inbox(isolated_state.pool, apply)
    await put(isolated_state.pool, "evt_1")
    waits = []
    for _ in range(7):
        await box.drain()
        waits.append((await state(isolated_state.pool, "evt_1"))["due_in"])
        await run(isolated_state.pool, "UPDATE stripe_events SET not_before = now()")
    assert waits[-1] > 4 * waits[2] > 0
    await run(isolated_state.pool, "UPDATE stripe_events SET received_at = now() - interval '25 hours'")
    await box.drain()
    assert (await state(isolated_state.pool, "evt_1"))["parked"]
    async with isolated_state.pool.acquire() as db:
        stuck = await stripe_events.read_inbox_status(db)
        assert (stuck.parked, stuck.waiting, stuck.error) == (
            1,
            0,
            "PaymentsUnavailable: Payments are unavailable",
        )
        assert stuck.oldest > 86_400
        assert await stripe_events.make_all_due(db) == 1
    assert not (await state(isolated_state.pool, "evt_1"))["parked"]


async def test_a_worker_that_was_away_a_day_parks_nothing(isolated_state: AppState) -> None:
    async def apply(_: InboxEvent) -> None:
        raise PaymentsUnavailable

    await put(isolated_state.pool, "evt_1")
    await run(isolated_state.pool, "UPDATE stripe_events SET received_at = now() - interval '3 days'")
    await Inbox(isolated_state.pool, apply).drain()
    assert not (await state(isolated_state.pool, "evt_1"))["parked"]


async def test_an_event_of_a_worker_that_died_is_taken_up_when_its_lease_is_over(isolated_state: AppState) -> None:
    async def apply(_: InboxEvent) -> None: ...

    await put(isolated_state.pool, "evt_1")
    async with transaction(isolated_state.pool) as db:
        assert await stripe_events.claim_event(db, LEASE)
    await Inbox(isolated_state.pool, apply).drain()
    assert not (await state(isolated_state.pool, "evt_1"))["applied"]
    await run(isolated_state.pool, "UPDATE stripe_events SET lease_until = now() - interval '1 second'")
    await Inbox(isolated_state.pool, apply).drain()
    assert await state(isolated_state.pool, "evt_1") | {"due_in": 0} == {
        "applied": True, "tries": 2, "error": None, "parked": False, "due_in": 0, "leased": False
    }  # fmt: skip


async def test_a_locked_object_costs_no_try(isolated_state: AppState) -> None:
    async def apply(_: InboxEvent) -> None:
        raise ObjectBusyError

    await put(isolated_state.pool, "evt_1")
    await Inbox(isolated_state.pool, apply).drain()
    busy = await state(isolated_state.pool, "evt_1")
    assert (busy["applied"], busy["tries"], busy["leased"]) == (False, 0, False)
    assert busy["due_in"] > 0


async def test_an_object_is_locked_by_one_worker_at_a_time(isolated_state: AppState) -> None:
    async with lock_object(isolated_state.pool, "subscription", "sub_1"):
        async with lock_object(isolated_state.pool, "subscription", "sub_2"):
            pass
        with pytest.raises(ObjectBusyError):
            async with lock_object(isolated_state.pool, "subscription", "sub_1", wait=0.05):
                pass
    async with lock_object(isolated_state.pool, "subscription", "sub_1"):
        pass


async def test_a_failure_releases_the_lock_of_its_object(isolated_state: AppState) -> None:
    with pytest.raises(KeyError):
        async with lock_object(isolated_state.pool, "subscription", "sub_1"):
            raise KeyError
    async with isolated_state.pool.acquire() as db:
        assert await db.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_old_events_are_forgotten_and_those_that_wait_are_not(isolated_state: AppState) -> None:
    await put(isolated_state.pool, "evt_old")
    await put(isolated_state.pool, "evt_waits", about="in_2")
    await put(isolated_state.pool, "evt_new", about="in_3")
    await run(
        isolated_state.pool, "UPDATE stripe_events SET applied_at = now() - interval '61 days' WHERE id = 'evt_old'"
    )
    await run(isolated_state.pool, "UPDATE stripe_events SET applied_at = now() WHERE id = 'evt_new'")
    async with isolated_state.pool.acquire() as db:
        await stripe_events.delete_applied_events(db, 60)
        assert await db.fetchval("SELECT array_agg(id ORDER BY id) FROM stripe_events") == ["evt_new", "evt_waits"]


async def test_a_chore_is_done_by_one_and_once_a_day(isolated_state: AppState) -> None:
    async def begin() -> bool:
        async with transaction(isolated_state.pool) as db:
            return await chores.begin_chore(db, "sweep", 86_400, 3600)

    assert sum(await asyncio.gather(*(begin() for _ in range(8)))) == 1
    await run(isolated_state.pool, "UPDATE chores SET done_at = done_at - interval '61 minutes'")
    assert await begin()
    async with transaction(isolated_state.pool) as db:
        await chores.end_chore(db, "sweep")
    await run(isolated_state.pool, "UPDATE chores SET done_at = done_at - interval '23 hours'")
    assert not await begin()
    await run(isolated_state.pool, "UPDATE chores SET done_at = done_at - interval '2 hours'")
    assert await begin()


def test_waits_double_up_to_an_hour() -> None:
    assert all(0.75 * 2**tries <= retry_delay(tries) <= 1.25 * 2**tries for tries in range(1, 11))
    assert all(0.75 * LONGEST_DELAY <= retry_delay(tries) <= 1.25 * LONGEST_DELAY for tries in (13, 100, 10_000))
