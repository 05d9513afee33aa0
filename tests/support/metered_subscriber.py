"""A subscriber whose overage is reported to the meter of the Stripe fake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from api.billing.events import metering
from api.billing.events.metering import UsageReporter
from api.billing.ledger import overage
from api.billing.stripe import customers, meters
from api.sql.connection import Pool, transaction
from tests.support.customer_histories import SOLD
from tests.support.factories import CREDITS, add_account, add_generation
from tests.support.stripe_process import StripeProcess

METER_EVENTS_ROUTE = "POST /v1/billing/meter_events"
HOUR = timedelta(hours=1)


@dataclass
class MeteredSubscriber:
    """A subscriber with overage who has spent the plan's credits."""

    pool: Pool
    stripe_process: StripeProcess
    user_id: str
    customer: str

    async def execute(self, statement: str, *parameters: Any) -> None:
        async with self.pool.acquire() as db:
            await db.execute(statement, *parameters)

    async def spend_overage(self, credits: int) -> str:
        """Settle so many credits of overage; the id of the entry."""
        async with transaction(self.pool) as db:
            spendable = await CREDITS.lock_spendable(db, self.user_id)
            video = await add_generation(db, spendable.user)
            await CREDITS.hold(db, spendable, {video: credits})
            await CREDITS.settle(db, video)
            entry: str = await db.fetchval(
                """
                SELECT max(entry_id)
                FROM meter_events
                WHERE user_id = $1
                """,
                self.user_id,
            )
        return entry

    async def report_usage(self) -> None:
        await UsageReporter(self.pool, self.stripe_process.stripe).drain()

    async def meter_event_states(self) -> dict[str, str]:
        async with self.pool.acquire() as db:
            return dict(await db.fetch("SELECT entry_id, state FROM meter_events"))

    async def counted_credits(self) -> int:
        """The meter's sum over the last two days."""
        now = metering.hour_start(datetime.now(UTC))
        return await meters.sum_counted_credits(
            self.stripe_process.stripe, self.customer, now - 48 * HOUR, now + 2 * HOUR
        )

    async def make_all_due(self) -> None:
        await self.execute("UPDATE meter_events SET not_before = now()")

    async def move_usage_back(self, age: timedelta) -> None:
        """Let the usage have happened `age` ago."""
        await self.execute("UPDATE meter_events SET occurred_at = now() - $1::interval", age)

    async def let_a_day_pass(self) -> None:
        """Let a day pass since the first try, in the database and at Stripe, which forgets the identifiers."""
        await self.stripe_process.call_control_route("clock", seconds=25 * 3600)
        await self.execute(
            """
            UPDATE meter_events
            SET first_sent_at = first_sent_at - interval '25 hours',
                sent_at = sent_at - interval '25 hours',
                not_before = now()
            """
        )

    async def lose_report(self, entry: str, *, arrived: bool) -> None:
        """Report the entry, which reaches Stripe or does not, as a worker that dies before it records the outcome."""
        if not arrived:
            await self.stripe_process.call_control_route(
                "faults", kind="reset_before", route=METER_EVENTS_ROUTE, count=None
            )
        await self.report_usage()
        await self.stripe_process.http_client.delete("/_local/faults")
        await self.execute(
            """
            UPDATE meter_events
            SET state = 'waiting', sent_at = NULL, not_before = now() + interval '1 hour'
            WHERE entry_id = $1
            """,
            entry,
        )

    async def link_new_customer(self) -> None:
        """Replace the Stripe customer."""
        created = await customers.create_customer(
            self.stripe_process.stripe, self.user_id, "x@example.org", instead_of=self.customer
        )
        await self.execute("UPDATE users SET stripe_customer = $2 WHERE id = $1", self.user_id, created.id)
        self.customer = created.id


async def create_metered_subscriber(pool: Pool, stripe_process: StripeProcess) -> MeteredSubscriber:
    async with transaction(pool) as db:
        account = await add_account(db, plan="plus")
        customer = (await customers.create_customer(stripe_process.stripe, account.id, f"{account.id}@example.org")).id
        await db.execute("UPDATE users SET stripe_customer = $2 WHERE id = $1", account.id, customer)
        await db.execute(
            """
            INSERT INTO subscriptions (id, user_id, plan, version, status, metered_item, period_start, period_end)
            VALUES ('sub_1', $1, 'plus', 1, 'active', 'si_1', now() - interval '1 day', now() + interval '29 days')
            """,
            account.id,
        )
        await overage.allow_overage(db, account.id, 5000, SOLD.overage)
    return MeteredSubscriber(pool, stripe_process, account.id, customer)
