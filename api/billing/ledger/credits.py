"""The ledger that videos are paid from: what a user may spend, and holding, charging and releasing it.

Knows users and generations by id alone. Everything here runs in its caller's transaction, so credits move exactly when
the job's state does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from api.billing.ledger import clawbacks
from api.billing.ledger.lots import add_successor_lot, expire_lots, grant_lot
from api.billing.ledger.transfers import Posting, build_transfer, move_credits
from api.billing.tariff.plans import TariffPlan, allowance_month
from api.billing.tariff.tariff import Tariff
from api.errors import InsufficientCredits
from api.schemas.billing import Amount, Balance, Bucket, Buckets, Overage
from api.sql import meter_events, subscriptions
from api.sql.connection import Database, database_time
from api.sql.ledger import holds, ledger_entries, ledger_users, lots
from api.sql.ledger.holds import Hold, NewHold
from api.sql.ledger.ledger_entries import Leg
from api.sql.ledger.ledger_users import LedgerUser
from api.sql.ledger.lots import Lot, LotAmount, LotChange, NewLot

MONTHLY_KEY = "allowance"
"""Prefix of the keys of lots that are granted by the calendar and not by an invoice."""


class SpendableCredits(NamedTuple):
    """Credits that a user may spend, locked until the transaction ends. `lots` are in the order of spending; with
    `may_relax`, work beyond them is done for nothing when no paid work waits.
    """

    user: LedgerUser
    plan: TariffPlan
    lots: list[Lot]
    may_relax: bool

    @property
    def available(self) -> int:
        """Credits that a hold may take now."""
        return sum(lot.remaining for lot in self.lots)

    def needs_relaxed_queue(self, total: int) -> bool:
        """True if work of this price goes to the relaxed queue, for nothing, because the credits are spent.

        Raises InsufficientCredits where the plan has no such queue.
        """
        if total <= self.available:
            return False
        if not self.may_relax:
            raise InsufficientCredits(total, self.available)
        return True


class CreditLedger:
    """The ledger under a tariff, which says how much a plan grants each month."""

    def __init__(self, tariff: Tariff) -> None:
        self._tariff = tariff

    async def lock_spendable(self, db: Database, user_id: str) -> SpendableCredits:
        """Lock the user, grant the present month's allowance if that was not done, and return what may be spent."""
        user = await ledger_users.lock_user(db, user_id)
        plan = self._tariff.find_plan(user.plan, user.plan_version)
        spendable = await lots.list_spendable_lots(db, user_id)
        has_month = any(lot.key.startswith(MONTHLY_KEY) for lot in spendable)
        if not has_month and await _grant_month(db, user, plan):
            spendable = await lots.list_spendable_lots(db, user_id)
        return SpendableCredits(user, plan, spendable, plan.relaxed and await _is_paid_for(db, user_id))

    async def hold(self, db: Database, spendable: SpendableCredits, prices: dict[str, int]) -> None:
        """Set aside each generation's price (`available` → `held`), from the lots in their order.

        `prices` is credits by generation id. Raises InsufficientCredits.
        """
        if (total := sum(prices.values())) > spendable.available:
            raise InsufficientCredits(total, spendable.available)
        user_id, new_holds = spendable.user.id, _allocate_lots(prices, spendable.lots)
        await holds.insert_holds(db, user_id, new_holds)
        legs = [
            leg
            for hold in new_holds
            for part in hold.parts
            for leg in move_credits("hold", user_id, part, "available", "held", generation_id=hold.generation_id)
        ]
        if legs:
            await lots.change_lots(db, _lot_changes([part for hold in new_holds for part in hold.parts]))
            await ledger_entries.insert_legs(db, legs)

    async def settle(self, db: Database, generation_id: str, charge: int | None = None) -> Hold | None:
        """Charge a generation (`held` → `revenue`) and release the rest of its hold; None if it was closed before.

        `charge` is in credits: None charges the whole hold, 0 releases it all. The lots that were taken from first are
        charged first, so that what would expire soonest is spent. Charged overage is queued for Stripe.
        """
        hold = await holds.close_hold(db, generation_id, charge)
        if hold is None:
            return None
        charged, released = _split_parts(hold.parts, hold.settled)
        if charged:
            await _charge_parts(db, hold.user_id, charged, generation_id)
        if released:
            await _release_parts(db, hold.user_id, released, generation_id)
        return hold

    async def balance(self, db: Database, user_id: str) -> Balance:
        """Credits that are available and held, by bucket."""
        await ledger_users.lock_user(db, user_id)
        await expire_lots(db, user_id)
        spendable = await self.lock_spendable(db, user_id)
        expiries = [lot.expires_at for lot in spendable.lots if lot.expires_at and lot.bucket == "allowance"]
        return Balance(
            available=spendable.available,
            held=await holds.sum_held_credits(db, user_id),
            buckets=Buckets(
                allowance=Amount(
                    amount=_sum_bucket(spendable, "allowance"),
                    expires_at=int(min(expiries).timestamp()) if expiries else None,
                ),
                purchased=Amount(amount=_sum_bucket(spendable, "purchased")),
                overage=await _overage_balance(db, spendable),
            ),
        )


# -- spendable credits --------------------------------------------------------------------------------------


async def _grant_month(db: Database, user: LedgerUser, plan: TariffPlan) -> bool:
    """Grant the present month's allowance, unless a subscription grants its own or it was granted before."""
    if await subscriptions.find_current(db, user.id):
        return False
    month = allowance_month(user.created_at, await database_time(db))
    new = NewLot(
        user_id=user.id,
        bucket="allowance",
        source="kinora",
        amount=plan.monthly_allowance(full=user.full_allowance),
        key=f"{MONTHLY_KEY}:{user.id}:{month.start:%Y-%m-%d}",
        expires_at=month.end,
    )
    return await grant_lot(db, new)


async def _is_paid_for(db: Database, user_id: str) -> bool:
    """True if the plan is paid for, or was given. A trial is not: it may be changed into the dearest plan without an
    invoice, and cancelled before there is one.
    """
    subscription = await subscriptions.find_current(db, user_id)
    return subscription is None or subscription.status == "active"


def _sum_bucket(spendable: SpendableCredits, bucket: Bucket) -> int:
    return sum(lot.remaining for lot in spendable.lots if lot.bucket == bucket)


async def _overage_balance(db: Database, spendable: SpendableCredits) -> Overage:
    """The cap that the user allows, and what was charged of it in this period."""
    cap = spendable.user.overage_cap
    lines = [lot for lot in spendable.lots if lot.bucket == "overage"]
    used = [await ledger_entries.sum_charged_to_lot(db, line.id) for line in lines]
    return Overage(enabled=cap is not None, cap=cap or 0, used=sum(used))


# -- hold ---------------------------------------------------------------------------------------------------


def _allocate_lots(prices: dict[str, int], spendable: list[Lot]) -> list[NewHold]:
    """One hold for each generation, with the lots that pay for it, used up in their order."""
    left = [(lot, lot.remaining) for lot in spendable if lot.remaining]
    new_holds = []
    for generation_id, price in prices.items():
        parts, due = [], price
        while due:
            lot, remaining = left.pop(0)
            amount = min(due, remaining)
            parts.append(LotAmount(lot.id, lot.bucket, amount))
            due -= amount
            if remaining > amount:
                left.insert(0, (lot, remaining - amount))
        new_holds.append(NewHold(generation_id, price, parts))
    return new_holds


def _lot_changes(parts: Sequence[LotAmount]) -> list[LotChange]:
    """The change of each lot: less the parts taken from it."""
    amounts: dict[str, int] = {}
    for part in parts:
        amounts[part.lot] = amounts.get(part.lot, 0) + part.amount
    return [LotChange(lot_id, -amount) for lot_id, amount in amounts.items()]


# -- settle and release -------------------------------------------------------------------------------------


def _split_parts(parts: Sequence[LotAmount], charge: int) -> tuple[list[LotAmount], list[LotAmount]]:
    """The parts that make up the first `charge` credits, and those that make up the others."""
    charged, released = [], []
    for part in parts:
        share = min(part.amount, charge)
        charge -= share
        charged.append(LotAmount(part.lot, part.bucket, share))
        released.append(LotAmount(part.lot, part.bucket, part.amount - share))
    return [part for part in charged if part.amount], [part for part in released if part.amount]


async def _charge_parts(db: Database, user_id: str, parts: Sequence[LotAmount], generation_id: str) -> None:
    """Book held credits as revenue, with a zero on `available` that shows the charge in the user's list of entries.
    Overage is queued as meter events, by the entries on `revenue`.
    """
    legs: list[Leg] = []
    for part in parts:
        postings = (
            Posting(part.lot, part.bucket, "available", 0),
            Posting(part.lot, part.bucket, "held", -part.amount),
            Posting(part.lot, part.bucket, "revenue", part.amount),
        )
        legs += build_transfer("settle", user_id, postings, generation_id=generation_id)
    await ledger_entries.insert_legs(db, legs)
    overage = [leg.id for leg in legs if leg.bucket == "overage" and leg.account == "revenue"]
    if overage:
        await meter_events.insert_meter_events(db, overage)


async def _release_parts(db: Database, user_id: str, parts: Sequence[LotAmount], generation_id: str) -> None:
    user = await ledger_users.lock_user(db, user_id)
    await expire_lots(db, user_id)
    by_id = {lot.id: lot for lot in await lots.list_lots(db, [part.lot for part in parts])}
    for part in parts:
        await _release_part(db, user, by_id[part.lot], part.amount, generation_id)


async def _release_part(db: Database, user: LedgerUser, lot: Lot, amount: int, generation_id: str) -> None:
    """Release held credits (`held` → `available`) to the lot they came from, which first pays what it owes; what is
    left goes to a successor if the lot has expired.
    """
    owed = min(lot.owed, amount)
    rest, rest_lot_id = amount - owed, lot.id
    if rest and lot.expired:
        rest_lot_id = await add_successor_lot(db, user, rest)
    returned = rest if rest_lot_id == lot.id else 0
    await lots.change_lots(db, [LotChange(lot.id, remaining=returned, owed=-owed)])
    credited = {lot.id: owed}
    credited[rest_lot_id] = credited.get(rest_lot_id, 0) + rest
    postings = [Posting(lot.id, lot.bucket, "held", -amount)]
    postings += [Posting(lot_id, lot.bucket, "available", credit) for lot_id, credit in credited.items() if credit]
    legs = build_transfer("release", user.id, postings, generation_id=generation_id)
    if owed:
        legs += await clawbacks.collect_owed(db, user.id, lot, owed)
    await ledger_entries.insert_legs(db, legs)
