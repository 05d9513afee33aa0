"""The ledger's SQL against a model: any history, also of two connections at once, leaves what a few sums say.

Each history is a person of its own in one database. Of two operations at once the second begins while the first one's
transaction is open, and goes on once it is known to be done or to wait. Which of them comes first is up to the
database, so what is drawn never depends on what has happened: hypothesis takes a draw that does for a fault.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
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

from api.billing.tariff.plans import allowance_month
from api.sql.ledger.ledger_users import LedgerUser
from tests.support.factories import add_account, add_generation
from tests.support.ledger_model import LedgerModel
from tests.support.ledger_operations import CREDITS, MONTHLY, LedgerOperations
from tests.support.ledger_sums import ROWS, SUMS
from tests.support.two_connections import Operation, TwoConnections

T = TypeVar("T")

HISTORIES = 500
STEPS = 16
PAYMENTS = ("pi_1", "pi_2")
SHARES = (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(1))


class LedgerHistory(RuleBasedStateMachine):
    """One person's history."""

    stage: TwoConnections

    @initialize(cap=st.none() | st.integers(1, 40))
    def begin(self, cap: int | None) -> None:
        """A person on the free plan, or on one that is paid for and with overage allowed."""
        self.account: LedgerUser = self.stage.run(add_account(self.stage.first))
        self.numbers: Iterator[int] = itertools.count(1)
        self.base = datetime.now(UTC).replace(microsecond=0)
        self.model = LedgerModel(allowance_month(self.account.created_at, self.account.created_at).end, MONTHLY)
        self.model.period = self._next_period()
        self.operations = LedgerOperations(self.account, self.model)
        if cap is not None:
            self._run_alone(self.operations.subscribe("active"))
            self._run_alone(self.operations.set_overage(cap))

    # -- rules --------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def one_operation(self, data: st.DataObject) -> None:
        self._run_alone(self._draw_operation(data, "operation"))

    def _run_alone(self, operation: Operation) -> None:
        assert self.stage.run(operation.run(self.stage.first)) == operation.expect(), operation.name

    @rule(data=st.data(), commit=st.booleans(), late=st.booleans())
    def two_at_once(self, data: st.DataObject, commit: bool, late: bool) -> None:  # noqa: FBT001 (hypothesis's)
        """If `late`, with lots that have expired and were not read since."""
        if late:
            self._run_alone(self._draw_time(data))
        first, second = self._draw_operation(data, "first"), self._draw_operation(data, "second")
        both = self.stage.run(self.stage.run_concurrently(first, second, commit=commit))
        outcomes = [(second, both.second)]
        if commit:
            outcomes.insert(1 if both.overtaken else 0, (first, both.first))
        for operation, outcome in outcomes:
            assert outcome == operation.expect(), (first.name, second.name)

    @rule(data=st.data())
    def repetition(self, data: st.DataObject) -> None:
        """An operation runs again, as after an answer that got lost."""
        again = _draw_one(data, self.operations.list_repeatable(), "again")
        before = self.stage.run(self._fetch_rows())
        self.stage.run(again.run(self.stage.first))
        assert self.stage.run(self._fetch_rows()) == before, again.name

    @invariant()
    def books_are_right(self) -> None:
        self.stage.run(self._check_books())

    # -- operations that are drawn ------------------------------------------------------------------------

    def _draw_operation(self, data: st.DataObject, label: str) -> Operation:
        draw = data.draw(st.sampled_from(self.draws), label=label)
        operation: Operation = draw(self, data)
        return operation

    def _draw_hold(self, data: st.DataObject) -> Operation:
        credits = data.draw(st.integers(0, 45), label="credits")
        generation = self.stage.run(add_generation(self.stage.watch, self.account))
        return self.operations.hold(generation, credits)

    def _draw_settle(self, data: st.DataObject) -> Operation:
        hold = self._draw_hold(data)
        generation = _draw_one(data, [*sorted(self.model.holds), None], "generation", spare=1)
        charge = data.draw(st.none() | st.integers(0, 45), label="charge")
        if generation is None:
            return hold
        return self.operations.settle(
            generation, None if charge is None else min(charge, self.model.holds[generation].credits)
        )

    def _draw_allowance(self, data: st.DataObject) -> Operation:
        key, credits, payment = self._draw_purchase(data, "il")
        expires_at = self.base + timedelta(days=data.draw(st.integers(1, 60), label="days"))
        return self.operations.grant_allowance(key, credits, expires_at, payment)

    def _draw_pack(self, data: st.DataObject) -> Operation:
        key, credits, payment = self._draw_purchase(data, "cs")
        return self.operations.grant_pack(key, credits, payment)

    def _draw_purchase(self, data: st.DataObject, kind: str) -> tuple[str, int, str | None]:
        number = data.draw(st.integers(1, 6), label="number")
        payment = data.draw(st.sampled_from((*PAYMENTS, None)), label="payment")
        payment_id = payment and f"{payment}_{self.account.id}"
        return f"{kind}_{self.account.id}_{number}", data.draw(st.integers(0, 30), label="credits"), payment_id

    def _draw_claim(self, data: st.DataObject) -> Operation:
        paid = sorted({lot.payment for lot in self.model.lots if lot.payment})
        payment = _draw_one(data, paid or [f"{PAYMENTS[0]}_{self.account.id}"], "payment")
        kind = data.draw(st.sampled_from(("refund", "dispute")), label="kind")
        share = data.draw(st.sampled_from(SHARES), label="share")
        return self.operations.claim(f"{kind}_{payment}", payment, share)

    def _draw_overage(self, data: st.DataObject) -> Operation:
        return self.operations.set_overage(data.draw(st.none() | st.integers(1, 40), label="cap"))

    def _draw_subscription(self, data: st.DataObject) -> Operation:
        statuses = ("active", "active", "trialing", "past_due", None)
        return self.operations.subscribe(data.draw(st.sampled_from(statuses), label="status"))

    def _draw_time(self, _: st.DataObject) -> Operation:
        return self.operations.pass_time(self._next_period())

    def _draw_sweep(self, _: st.DataObject) -> Operation:
        return self.operations.sweep()

    def _next_period(self) -> tuple[datetime, datetime]:
        number = next(self.numbers)
        return self.base + timedelta(seconds=number), self.base + timedelta(days=40, seconds=number)

    draws = (
        _draw_hold,
        _draw_hold,
        _draw_settle,
        _draw_settle,
        _draw_allowance,
        _draw_pack,
        _draw_pack,
        _draw_claim,
        _draw_claim,
        _draw_claim,
        _draw_overage,
        _draw_subscription,
        _draw_time,
        _draw_sweep,
    )

    # -- invariants ---------------------------------------------------------------------------------------

    async def _fetch_rows(self) -> list[tuple[Any, ...]]:
        return [tuple(record) for record in await self.stage.first.fetch(ROWS, self.account.id)]

    async def _check_books(self) -> None:
        model, user_id = self.model, self.account.id
        async with self.stage.first.transaction():
            balance = await CREDITS.balance(self.stage.first, user_id)
        model.ensure_monthly_allowance()
        assert balance.available == model.available
        assert balance.held == model.held
        assert balance.buckets.allowance.amount == model.bucket_total("allowance")
        assert balance.buckets.purchased.amount == model.bucket_total("purchased")
        overage = balance.buckets.overage
        assert (overage.enabled, overage.cap) == (model.cap is not None, model.cap or 0)
        assert overage.used == model.open_overage
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


def _draw_one(data: st.DataObject, choices: Sequence[T], label: str, *, spare: int = 0) -> T:
    """One of these, by a number drawn alike however many there are; the last `spare` only if there is no other."""
    number = data.draw(st.integers(0, 999), label=label)
    return choices[number % max(1, len(choices) - spare)]


def test_any_history_leaves_what_the_model_says(database: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stage = TwoConnections(database, runner)
        try:
            run_state_machine_as_test(
                type("History", (LedgerHistory,), {"stage": stage}),
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
