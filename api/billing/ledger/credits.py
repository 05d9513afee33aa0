"""The ledger: what somebody may spend, and what becomes of it. Knows users and generations by id alone.

Everything here runs in its caller's transaction, so money moves exactly when the job moves. A hold takes what expires
first, then what was bought, then overage. It remembers the lots it took from, and a release goes back there; if that
allowance has expired meanwhile, its credits are granted again to the present period.
"""

from __future__ import annotations

from typing import NamedTuple

from api.billing.ledger import clawbacks, lots
from api.billing.ledger.lots import transfer_legs
from api.billing.tariff.plans import TariffPlan, allowance_month
from api.billing.tariff.tariff import Tariff
from api.errors import InsufficientCredits
from api.schemas.billing import Amount, Balance, Bucket, Buckets, Overage
from api.sql import ledger_entries
from api.sql.connection import Database
from api.sql.ledger_entries import Hold, HoldPart, LedgerUser, Leg, Lot, LotChange, NewLot

MONTHLY = "allowance"  # what the keys of lots begin with that are granted by the calendar and not by an invoice


class SpendableCredits(NamedTuple):
    """What somebody may spend until the transaction ends, with nobody else spending it. `relaxed` is whether more is
    made for nothing, when nobody else waits.
    """

    account: LedgerUser
    plan: TariffPlan
    lots: list[Lot]
    may_relax: bool

    @property
    def available(self) -> int:
        """Credits that a hold may take now."""
        return sum(lot.remaining for lot in self.lots)

    def needs_relaxed_queue(self, total: int) -> bool:
        """Whether work of this price is done for nothing when nobody else waits, because the credits are spent.

        Raises InsufficientCredits where there is no such queue.
        """
        if total <= self.available:
            return False
        if not self.may_relax:
            raise InsufficientCredits(total, self.available)
        return True


class CreditLedger:
    """The ledger under a tariff, which says how much a plan's month grants."""

    def __init__(self, tariff: Tariff) -> None:
        self._tariff = tariff

    async def lock_spendable(self, db: Database, user_id: str) -> SpendableCredits:
        """What the user may spend, locked, with the present month's allowance granted if it has not been."""
        account = await ledger_entries.lock_user(db, user_id)
        plan = self._tariff.find_plan(account.plan, account.plan_version)
        found = await ledger_entries.list_spendable_lots(db, user_id)
        if not any(lot.key.startswith(MONTHLY) for lot in found) and await _grant_month(db, account, plan):
            found = await ledger_entries.list_spendable_lots(db, user_id)
        return SpendableCredits(account, plan, found, plan.relaxed and await _is_paid_for(db, user_id))

    async def hold(self, db: Database, purse: SpendableCredits, prices: dict[str, int]) -> None:
        """Set aside each generation's price, in the order of the purse. Raises InsufficientCredits."""
        if (total := sum(prices.values())) > purse.available:
            raise InsufficientCredits(total, purse.available)
        user_id, holds = purse.account.id, _allocate_lots(prices, purse.lots)
        await ledger_entries.add_holds(db, user_id, holds)
        taken = [(generation, part) for generation, _, parts in holds for part in parts]
        if taken:
            await ledger_entries.change_lots(db, _lot_changes([part for _, part in taken]))
            await ledger_entries.add_legs(
                db,
                [
                    leg
                    for generation, part in taken
                    for leg in transfer_legs("hold", user_id, part, "available", "held", generation_id=generation)
                ],
            )

    async def settle(self, db: Database, generation_id: str, charge: int | None = None) -> Hold | None:
        """Charge a generation and release the rest of its hold; None if the hold was closed before.

        `charge` is in credits: None charges the whole hold, 0 releases it all. The lots first taken from are charged
        first, so what would expire soonest is what is spent. Overage that is charged is owed word to the shop.
        """
        closed = await ledger_entries.close_hold(db, generation_id, charge)
        if closed is None:
            return None
        charged, rest = _split_parts(closed.parts, closed.settled)
        if charged:
            await _charge_parts(db, closed.user_id, charged, generation_id)
        if rest:
            await _release_parts(db, closed.user_id, rest, generation_id)
        return closed

    async def balance(self, db: Database, user_id: str) -> Balance:
        """What may be spent now, what is set aside, and where it came from."""
        await ledger_entries.lock_user(db, user_id)
        await lots.expire_lots(db, user_id)
        purse = await self.lock_spendable(db, user_id)
        ends = [lot.expires_at for lot in purse.lots if lot.expires_at and lot.bucket == "allowance"]
        return Balance(
            available=purse.available,
            held=await ledger_entries.sum_held_credits(db, user_id),
            buckets=Buckets(
                allowance=Amount(
                    amount=_sum_bucket(purse, "allowance"), expires_at=int(min(ends).timestamp()) if ends else None
                ),
                purchased=Amount(amount=_sum_bucket(purse, "purchased")),
                overage=await _overage_balance(db, purse),
            ),
        )


async def _grant_month(db: Database, account: LedgerUser, plan: TariffPlan) -> bool:
    """Grant the present month's allowance, unless a subscription grants its own or it was granted before."""
    if await ledger_entries.subscription(db, account.id):
        return False
    month = allowance_month(account.created_at, await ledger_entries.database_time(db))
    new = NewLot(
        user_id=account.id,
        bucket="allowance",
        source="kinora",
        amount=plan.monthly_allowance(full=account.full_allowance),
        key=f"{MONTHLY}:{account.id}:{month.start:%Y-%m-%d}",
        expires_at=month.end,
    )
    return await lots.grant_lot(db, new)


async def _is_paid_for(db: Database, user_id: str) -> bool:
    """Whether a plan is paid for, or was given. A trial is not: it may be changed into the dearest plan without a bill,
    and cancelled before there is one.
    """
    subscription = await ledger_entries.subscription(db, user_id)
    return subscription is None or subscription.status == "active"


def _sum_bucket(purse: SpendableCredits, bucket: Bucket) -> int:
    return sum(lot.remaining for lot in purse.lots if lot.bucket == bucket)


async def _overage_balance(db: Database, purse: SpendableCredits) -> Overage:
    """What the person allows, and what was charged of it in this period."""
    cap = purse.account.overage_cap
    used = [await ledger_entries.sum_charged_to_lot(db, lot.id) for lot in purse.lots if lot.bucket == "overage"]
    return Overage(enabled=cap is not None, cap=cap or 0, used=sum(used))


def _allocate_lots(prices: dict[str, int], given: list[Lot]) -> list[tuple[str, int, list[HoldPart]]]:
    """Which lots pay for which generation, in the order the lots are given."""
    left = [(lot, lot.remaining) for lot in given if lot.remaining]
    holds = []
    for generation, price in prices.items():
        parts, due = [], price
        while due:
            lot, there = left.pop(0)
            amount = min(due, there)
            parts.append(HoldPart(lot.id, lot.bucket, amount))
            due -= amount
            if there > amount:
                left.insert(0, (lot, there - amount))
        holds.append((generation, price, parts))
    return holds


def _lot_changes(parts: list[HoldPart]) -> list[LotChange]:
    amounts: dict[str, int] = {}
    for part in parts:
        amounts[part.lot] = amounts.get(part.lot, 0) + part.amount
    return [LotChange(lot, -amount) for lot, amount in amounts.items()]


def _split_parts(parts: list[HoldPart], amount: int) -> tuple[list[HoldPart], list[HoldPart]]:
    """The parts that make up the first `amount` credits, and the others."""
    first, rest = [], []
    for part in parts:
        share = min(part.amount, amount)
        amount -= share
        first.append(HoldPart(part.lot, part.bucket, share))
        rest.append(HoldPart(part.lot, part.bucket, part.amount - share))
    return [part for part in first if part.amount], [part for part in rest if part.amount]


async def _charge_parts(db: Database, user_id: str, parts: list[HoldPart], generation_id: str) -> None:
    """Held credits become revenue. A zero on `available` lets the user see it in the ledger."""
    legs: list[Leg] = []
    for part in parts:
        moved = ((part, "available", 0), (part, "held", -part.amount), (part, "revenue", part.amount))
        legs += lots.build_legs("settle", user_id, moved, generation_id=generation_id)
    await ledger_entries.add_legs(db, legs)
    metered = [leg.id for leg in legs if leg.bucket == "overage" and leg.account == "revenue"]
    if metered:
        await ledger_entries.add_meter_events(db, metered)


async def _release_parts(db: Database, user_id: str, parts: list[HoldPart], generation_id: str) -> None:
    account = await ledger_entries.lock_user(db, user_id)
    await lots.expire_lots(db, user_id)
    found = {lot.id: lot for lot in await ledger_entries.list_lots(db, [part.lot for part in parts])}
    for part in parts:
        await _return_part(db, account, found[part.lot], part, generation_id)


async def _return_part(db: Database, account: LedgerUser, lot: Lot, part: HoldPart, generation_id: str) -> None:
    """To the lot it came from, which first pays what it owes; what is left of an expired one, to its successor."""
    owed = min(lot.owed, part.amount)
    rest = HoldPart(lot.id, lot.bucket, part.amount - owed)
    if rest.amount and lot.expired:
        rest = await lots.add_successor_lot(db, account, rest.amount)
    await ledger_entries.change_lots(db, [LotChange(lot.id, rest.amount if rest.lot == lot.id else 0, -owed)])
    back = {lot.id: owed}
    back[rest.lot] = back.get(rest.lot, 0) + rest.amount
    moved = [(HoldPart(lot.id, lot.bucket, part.amount), "held", -part.amount)]
    moved += [(HoldPart(to, lot.bucket, amount), "available", amount) for to, amount in back.items() if amount]
    legs = lots.build_legs("release", account.id, tuple(moved), generation_id=generation_id)
    if owed:
        legs += await clawbacks.collect_owed(db, account.id, lot, owed)
    await ledger_entries.add_legs(db, legs)
