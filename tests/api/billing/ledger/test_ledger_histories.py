"""The ledger's SQL against a model: any history, also of two connections at once, leaves what a few sums say.

Each history is a person of its own in one database. Of two operations at once the second begins while the first one's
transaction is open, and goes on once it is known to be done or to wait. Which of them comes first is the database's
doing, so what is drawn never depends on what has happened: hypothesis takes a draw that does for a fault.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, TypeVar

import uvloop
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from api.billing.ledger import clawbacks, grants, lots, overage
from api.billing.ledger.credits import CreditLedger
from api.billing.tariff.plans import allowance_month
from api.sql import ledger_users
from api.sql.clawbacks import ClawbackKind
from api.sql.connection import Database
from api.sql.ledger_users import LedgerUser
from tests.support.factories import TARIFF, add_account, add_generation
from tests.support.ledger_model import Lot, Model
from tests.support.two_connections import Operation, Stage

T = TypeVar("T")

HISTORIES = 500
STEPS = 16
MONTHLY = {"free": 20, "plus": 50}
SMALL = replace(
    TARIFF,
    plans=[
        replace(TARIFF.find_plan(name), monthly_credits=credits, trial_credits=0) for name, credits in MONTHLY.items()
    ],
)
CREDITS = CreditLedger(SMALL)
PAYMENTS = ("pi_1", "pi_2")
SHARES = (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(1))


class Ledger(RuleBasedStateMachine):
    """One person's history."""

    stage: Stage

    @initialize(cap=st.none() | st.integers(1, 40))
    def begin(self, cap: int | None) -> None:
        """Somebody on the free plan, or on one that is paid for and with overage allowed."""
        self.account: LedgerUser = self.stage.run(add_account(self.stage.first))
        self.numbers: Iterator[int] = itertools.count(1)
        self.base = datetime.now(UTC).replace(microsecond=0)
        self.model = Model(allowance_month(self.account.created_at, self.account.created_at).end, MONTHLY)
        self.model.period = self._period()
        self.repeatable: list[Operation] = []
        for operation in [] if cap is None else [self._subscribed("active"), self._allowed(cap)]:
            self._alone(operation)

    # -- what may happen ----------------------------------------------------------------------------------

    @rule(data=st.data())
    def happens(self, data: st.DataObject) -> None:
        self._alone(self._drawn(data, "operation"))

    def _alone(self, operation: Operation) -> None:
        assert self.stage.run(operation.run(self.stage.first)) == operation.expect(), operation.name

    @rule(data=st.data(), commit=st.booleans(), late=st.booleans())
    def happen_at_once(self, data: st.DataObject, commit: bool, late: bool) -> None:  # noqa: FBT001 (hypothesis's)
        """If `late`, with lots that have expired and that nobody has looked at since."""
        if late:
            self._alone(self._pass_time(data))
        one, other = self._drawn(data, "first"), self._drawn(data, "second")
        both = self.stage.run(self.stage.together(one, other, commit=commit))
        told = [(other, both.other)]
        if commit:
            told.insert(1 if both.overtaken else 0, (one, both.one))
        for operation, outcome in told:
            assert outcome == operation.expect(), (one.name, other.name)

    @rule(data=st.data())
    def repeats(self, data: st.DataObject) -> None:
        """What was done is asked for again, as after an answer that got lost."""
        again = _picked(data, [*self.repeatable, *self._standing()], "again")
        before = self.stage.run(self._written())
        self.stage.run(again.run(self.stage.first))
        assert self.stage.run(self._written()) == before, again.name

    @invariant()
    def the_books_are_right(self) -> None:
        self.stage.run(self._check())

    # -- the operations -----------------------------------------------------------------------------------

    def _drawn(self, data: st.DataObject, label: str) -> Operation:
        make = data.draw(st.sampled_from(self.kinds), label=label)
        operation: Operation = make(self, data)
        return operation

    def _standing(self) -> list[Operation]:
        """What may be said again as long as nothing else is said."""
        claims = [self._claimed(*claim) for claim in self.model.claims.items() if self.model.reaches(claim[0])]
        holds = [self._held(name, hold.credits) for name, hold in self.model.holds.items()]
        cap = [self._allowed(self.model.cap)] if self.model.line_stands() else []
        return [*claims, *holds, *cap, self._swept()]

    def _hold(self, data: st.DataObject) -> Operation:
        credits = data.draw(st.integers(0, 45), label="credits")
        return self._held(self.stage.run(add_generation(self.stage.watch, self.account)), credits)

    def _held(self, generation: str, credits: int) -> Operation:
        async def call(db: Database) -> bool:
            await CREDITS.hold(db, await CREDITS.lock_spendable(db, self.account.id), {generation: credits})
            return True

        return Operation("hold", call, lambda: self.model.hold(generation, credits))

    def _settle(self, data: st.DataObject) -> Operation:
        new = self._hold(data)
        generation = _picked(data, [*sorted(self.model.holds), None], "generation", spare=1)
        part = data.draw(st.none() | st.integers(0, 45), label="charge")
        if generation is None:
            return new
        charge = None if part is None else min(part, self.model.holds[generation].credits)

        async def call(db: Database) -> bool:
            return await CREDITS.settle(db, generation, charge) is not None

        operation = Operation("settle", call, lambda: self.model.settle(generation, charge))
        if not self.model.holds[generation].open:
            self.repeatable.append(operation)
        return operation

    def _allowance(self, data: st.DataObject) -> Operation:
        key, credits, payment = self._bought(data, "il")
        ends = self.base + timedelta(days=data.draw(st.integers(1, 60), label="days"))

        async def call(db: Database) -> bool:
            return await grants.grant_allowance(
                db, self.account.id, key=key, credits=credits, expires_at=ends, invoice="in_1", payment=payment
            )

        return self._given(call, key, Lot("allowance", credits, ends, payment))

    def _purchase(self, data: st.DataObject) -> Operation:
        key, credits, payment = self._bought(data, "cs")

        async def call(db: Database) -> bool:
            return await grants.grant_pack(
                db, self.account.id, source="stripe", key=key, credits=credits, payment=payment
            )

        return self._given(call, key, Lot("purchased", credits, None, payment))

    def _bought(self, data: st.DataObject, kind: str) -> tuple[str, int, str | None]:
        number = data.draw(st.integers(1, 6), label="number")
        payment = data.draw(st.sampled_from((*PAYMENTS, None)), label="payment")
        named = payment and f"{payment}_{self.account.id}"
        return f"{kind}_{self.account.id}_{number}", data.draw(st.integers(0, 30), label="credits"), named

    def _given(self, call: Callable[[Database], Awaitable[bool | None]], key: str, lot: Lot) -> Operation:
        operation = Operation("grant", call, lambda: self.model.give(key, lot))
        if key in self.model.given:
            self.repeatable.append(operation)
        return operation

    def _claim(self, data: st.DataObject) -> Operation:
        paid = sorted({lot.payment for lot in self.model.lots if lot.payment})
        payment = _picked(data, paid or [f"{PAYMENTS[0]}_{self.account.id}"], "payment")
        kind = data.draw(st.sampled_from(("refund", "dispute")), label="kind")
        return self._claimed(f"{kind}_{payment}", (payment, data.draw(st.sampled_from(SHARES), label="share")))

    def _claimed(self, name: str, claimed: tuple[str, Fraction]) -> Operation:
        payment, share = claimed
        kind: ClawbackKind = "refund" if name.startswith("refund") else "dispute"

        async def call(db: Database) -> None:
            await ledger_users.lock_user(
                db, self.account.id
            )  # as granting what the payment bought does, which comes first
            await clawbacks.apply_claim(db, claim=name, kind=kind, payment=payment, share=share)

        return Operation("claim", call, lambda: self.model.claim(name, payment, share))

    def _allow(self, data: st.DataObject) -> Operation:
        return self._allowed(data.draw(st.none() | st.integers(1, 40), label="cap"))

    def _allowed(self, cap: int | None) -> Operation:
        async def call(db: Database) -> bool:
            if cap is None:
                await overage.forbid_overage(db, self.account.id)
            else:
                await overage.allow_overage(db, self.account.id, cap, SMALL.overage)
            return True

        return Operation("overage", call, lambda: self.model.allow(cap))

    def _subscribe(self, data: st.DataObject) -> Operation:
        return self._subscribed(
            data.draw(st.sampled_from(("active", "active", "trialing", "past_due", None)), label="status")
        )

    def _subscribed(self, status: str | None) -> Operation:
        plan = "free" if status is None else "plus"

        async def call(db: Database) -> None:
            await ledger_users.lock_user(db, self.account.id)
            await db.execute("UPDATE users SET plan = $2 WHERE id = $1", self.account.id, plan)
            await self._keep_subscription(db, status or "canceled")
            await grants.sync_overage_line(db, self.account.id)

        return Operation("plan", call, lambda: self.model.subscribe(plan, status))

    async def _keep_subscription(self, db: Database, status: str) -> None:
        assert self.model.told
        await db.execute(
            "INSERT INTO subscriptions (id, user_id, plan, version, status, metered_item, period_start, period_end)"
            " VALUES ('sub_' || $1, $1, 'plus', 1, $2, 'si_1', $3, $4) ON CONFLICT (id) DO UPDATE SET status = $2,"
            " period_start = $3, period_end = $4",
            self.account.id,
            status,
            *self.model.told,
        )

    def _pass_time(self, _: st.DataObject) -> Operation:
        """Months end, and so does the subscription's period; of the next one Stripe tells later."""
        following = self._period()

        async def call(db: Database) -> None:
            await ledger_users.lock_user(db, self.account.id)
            await db.execute(
                "UPDATE lots SET expires_at = now() - interval '1 second',"
                "  key = CASE WHEN key LIKE 'allowance:%' THEN id ELSE key END"
                " WHERE user_id = $1 AND expires_at > now()",
                self.account.id,
            )

        return Operation("time", call, lambda: self.model.pass_time(following))

    def _sweep(self, _: st.DataObject) -> Operation:
        return self._swept()

    def _swept(self) -> Operation:
        async def call(db: Database) -> None:
            await lots.expire_lots(db)

        return Operation("sweep", call, lambda: None)

    def _period(self) -> tuple[datetime, datetime]:
        number = next(self.numbers)
        return self.base + timedelta(seconds=number), self.base + timedelta(days=40, seconds=number)

    kinds = (
        _hold,
        _hold,
        _settle,
        _settle,
        _allowance,
        _purchase,
        _purchase,
        _claim,
        _claim,
        _claim,
        _allow,
        _subscribe,
        _pass_time,
        _sweep,
    )

    # -- what must be so ----------------------------------------------------------------------------------

    async def _written(self) -> list[tuple[Any, ...]]:
        """All that the ledger has of the person, but for zeros that only say that somebody asked."""
        query = (
            "SELECT 'lot', id, remaining, owed, granted, NULL FROM lots WHERE user_id = $1"
            " UNION ALL SELECT 'entry', id, amount, NULL, NULL, key FROM ledger_entries WHERE user_id = $1"
            " UNION ALL SELECT 'claim', claim, due, taken, NULL, lot_id FROM clawbacks"
            "  WHERE lot_id IN (SELECT id FROM lots WHERE user_id = $1)"
            " UNION ALL SELECT 'meter', entry_id, credits, NULL, NULL, state FROM meter_events WHERE user_id = $1"
            " UNION ALL SELECT 'hold', generation_id, credits, settled, NULL, state FROM holds WHERE user_id = $1"
            " ORDER BY 1, 2"
        )
        return [tuple(record) for record in await self.stage.first.fetch(query, self.account.id)]

    async def _check(self) -> None:
        model, user_id = self.model, self.account.id
        async with self.stage.first.transaction():
            shown = await CREDITS.balance(self.stage.first, user_id)
        model.look()
        assert shown.available == model.available
        assert shown.held == model.held
        assert shown.buckets.allowance.amount == model.total("allowance")
        assert shown.buckets.purchased.amount == model.total("purchased")
        assert (shown.buckets.overage.enabled, shown.buckets.overage.cap) == (model.cap is not None, model.cap or 0)
        assert shown.buckets.overage.used == model.used
        sums = await self.stage.first.fetchrow(SUMS, user_id)
        assert dict(sums) == {
            "uneven": 0,
            "total": 0,
            "drifted": 0,
            "available": model.available,
            "held": model.held,
            "revenue": model.spent,
            "metered": model.metered,
            "untaken": 0,
        }


def _picked(data: st.DataObject, things: Sequence[T], label: str, *, spare: int = 0) -> T:
    """One of these, by a number drawn alike however many there are; the last `spare` only if there is no other."""
    number = data.draw(st.integers(0, 999), label=label)
    return things[number % max(1, len(things) - spare)]


SUMS = """
WITH mine AS (SELECT * FROM ledger_entries WHERE user_id = $1),
sums AS (SELECT account, sum(amount)::bigint AS amount FROM mine GROUP BY account),
drift AS (
  SELECT l.id FROM lots l LEFT JOIN mine e ON e.lot_id = l.id AND e.account = 'available'
  WHERE l.user_id = $1 GROUP BY l.id, l.remaining HAVING l.remaining <> coalesce(sum(e.amount), 0)),
claims AS (
  SELECT c.lot_id, sum(c.due - c.taken) AS untaken, sum(c.taken) AS taken FROM clawbacks c
  JOIN lots l ON l.id = c.lot_id WHERE l.user_id = $1 GROUP BY c.lot_id)
SELECT
  (SELECT count(*) FROM (SELECT 1 FROM mine GROUP BY transfer HAVING sum(amount) <> 0) AS t) AS uneven,
  (SELECT coalesce(sum(amount), 0)::bigint FROM mine) AS total,
  (SELECT count(*) FROM drift) AS drifted,
  coalesce((SELECT amount FROM sums WHERE account = 'available'), 0) AS available,
  coalesce((SELECT amount FROM sums WHERE account = 'held'), 0) AS held,
  coalesce((SELECT amount FROM sums WHERE account = 'revenue'), 0) AS revenue,
  (SELECT coalesce(sum(credits), 0)::bigint FROM meter_events WHERE user_id = $1) AS metered,
  (SELECT count(*) FROM claims JOIN lots l ON l.id = claims.lot_id WHERE l.owed <> claims.untaken
     OR claims.taken <> (SELECT coalesce(sum(amount), 0) FROM mine WHERE account = 'returned' AND lot_id = l.id))
    AS untaken
"""


def test_any_history_leaves_what_the_model_says(database: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stage = Stage(database, runner)
        try:
            run_state_machine_as_test(
                type("Told", (Ledger,), {"stage": stage}),
                settings=settings(
                    max_examples=HISTORIES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            stage.close()
