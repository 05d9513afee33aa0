"""Operations on one person's credits: what the ledger does, beside what the model says it should do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from fractions import Fraction

from msgspec.structs import replace

from api.billing.ledger import clawbacks, grants, lots, overage
from api.billing.ledger.credits import CreditLedger
from api.sql.connection import Database
from api.sql.ledger import ledger_users
from api.sql.ledger.clawbacks import ClawbackKind
from api.sql.ledger.ledger_users import LedgerUser
from tests.support.factories import TARIFF
from tests.support.ledger_model import LedgerModel, Lot
from tests.support.two_connections import Operation

MONTHLY = {"free": 20, "plus": 50}
SMALL = replace(
    TARIFF,
    plans=[
        replace(TARIFF.find_plan(name), monthly_credits=credits, trial_credits=0) for name, credits in MONTHLY.items()
    ],
)
CREDITS = CreditLedger(SMALL)


class LedgerOperations:
    """Makes the operations of one person. `repeatable` are those that may be run again without effect."""

    def __init__(self, account: LedgerUser, model: LedgerModel) -> None:
        self._account = account
        self._model = model
        self.repeatable: list[Operation] = []

    def list_repeatable(self) -> list[Operation]:
        """Every operation that has no effect if it is run again now."""
        claims = [
            self.claim(name, *claim)
            for name, claim in self._model.claims.items()
            if self._model.is_claim_complete(name)
        ]
        holds = [self.hold(name, hold.credits) for name, hold in self._model.holds.items()]
        cap = [self.set_overage(self._model.cap)] if self._model.is_overage_line_current() else []
        return [*self.repeatable, *claims, *holds, *cap, self.sweep()]

    def hold(self, generation: str, credits: int) -> Operation:
        async def call(db: Database) -> bool:
            await CREDITS.hold(db, await CREDITS.lock_spendable(db, self._account.id), {generation: credits})
            return True

        return Operation("hold", call, lambda: self._model.hold(generation, credits))

    def settle(self, generation: str, charge: int | None) -> Operation:
        async def call(db: Database) -> bool:
            return await CREDITS.settle(db, generation, charge) is not None

        operation = Operation("settle", call, lambda: self._model.settle(generation, charge))
        if not self._model.holds[generation].open:
            self.repeatable.append(operation)
        return operation

    def grant_allowance(self, key: str, credits: int, expires_at: datetime, payment: str | None) -> Operation:
        async def call(db: Database) -> bool:
            return await grants.grant_allowance(
                db, self._account.id, key=key, credits=credits, expires_at=expires_at, invoice="in_1", payment=payment
            )

        return self._grant(call, key, Lot("allowance", credits, expires_at, payment))

    def grant_pack(self, key: str, credits: int, payment: str | None) -> Operation:
        async def call(db: Database) -> bool:
            return await grants.grant_pack(
                db, self._account.id, source="stripe", key=key, credits=credits, payment=payment
            )

        return self._grant(call, key, Lot("purchased", credits, None, payment))

    def _grant(self, call: Callable[[Database], Awaitable[bool | None]], key: str, lot: Lot) -> Operation:
        operation = Operation("grant", call, lambda: self._model.grant(key, lot))
        if key in self._model.grant_keys:
            self.repeatable.append(operation)
        return operation

    def claim(self, name: str, payment: str, share: Fraction) -> Operation:
        kind: ClawbackKind = "refund" if name.startswith("refund") else "dispute"

        async def call(db: Database) -> None:
            # The grant of what the payment bought comes first and takes this lock too.
            await ledger_users.lock_user(db, self._account.id)
            await clawbacks.apply_claim(db, claim=name, kind=kind, payment=payment, share=share)

        return Operation("claim", call, lambda: self._model.claim(name, payment, share))

    def set_overage(self, cap: int | None) -> Operation:
        async def call(db: Database) -> bool:
            if cap is None:
                await overage.forbid_overage(db, self._account.id)
            else:
                await overage.allow_overage(db, self._account.id, cap, SMALL.overage)
            return True

        return Operation("overage", call, lambda: self._model.set_overage_cap(cap))

    def subscribe(self, status: str | None) -> Operation:
        plan = "free" if status is None else "plus"

        async def call(db: Database) -> None:
            await ledger_users.lock_user(db, self._account.id)
            await db.execute("UPDATE users SET plan = $2 WHERE id = $1", self._account.id, plan)
            await self._upsert_subscription(db, status or "canceled")
            await grants.sync_overage_line(db, self._account.id)

        return Operation("plan", call, lambda: self._model.subscribe(plan, status))

    async def _upsert_subscription(self, db: Database, status: str) -> None:
        query = """
            INSERT INTO subscriptions (id, user_id, plan, version, status, metered_item, period_start, period_end)
            VALUES ('sub_' || $1, $1, 'plus', 1, $2, 'si_1', $3, $4)
            ON CONFLICT (id) DO UPDATE
            SET status = $2, period_start = $3, period_end = $4
        """
        assert self._model.known_period
        await db.execute(query, self._account.id, status, *self._model.known_period)

    def pass_time(self, next_period: tuple[datetime, datetime]) -> Operation:
        """Months end, and so does the subscription's period; the next one is synced later."""
        query = """
            UPDATE lots
            SET expires_at = now() - interval '1 second',
                key = CASE WHEN key LIKE 'allowance:%' THEN id ELSE key END
            WHERE user_id = $1 AND expires_at > now()
        """

        async def call(db: Database) -> None:
            await ledger_users.lock_user(db, self._account.id)
            await db.execute(query, self._account.id)

        return Operation("time", call, lambda: self._model.pass_time(next_period))

    def sweep(self) -> Operation:
        async def call(db: Database) -> None:
            await lots.expire_lots(db)

        return Operation("sweep", call, lambda: None)
