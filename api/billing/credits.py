"""The ledger: grant, hold, settle, release, expire. Knows users and generations by id alone.

Every function runs in its caller's transaction, so money moves exactly when the job moves. A hold remembers the
lots it took from, and a release goes back there; if that allowance has expired meanwhile, its credits are
granted again to the present month.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api import ids
from api.billing.plans import Plan, period
from api.billing.tariff import Tariff
from api.db import Database
from api.errors import InsufficientCredits
from api.models import Amount, Balance, Buckets, EntryKind, Overage
from api.sql import ledger
from api.sql.callers import Caller
from api.sql.ledger import Hold, Leg, Lot, Part


class Account(Struct, frozen=True):
    """What the ledger must know of a user: the plan, when its months began, and whether all of it is granted."""

    id: str
    plan: str
    created_at: datetime
    full_allowance: bool


def account_of(caller: Caller) -> Account:
    """The ledger's view of whoever asks."""
    return Account(caller.user_id, caller.plan, caller.created_at, caller.full_allowance)


class Credits:
    """The ledger under a tariff, which says how much a plan's month grants."""

    def __init__(self, tariff: Tariff) -> None:
        self._tariff = tariff

    async def ensure_allowance(self, db: Database, account: Account) -> list[Lot]:
        """Grant the present month's allowance if it has not been; return the user's lots, locked."""
        lots = await ledger.lock_lots(db, account.id)
        if any(lot.bucket == "allowance" for lot in lots):
            return lots
        month = period(account.created_at, await ledger.now(db))
        await self._grant(db, account, f"allowance:{account.id}:{month.start:%Y-%m-%d}", month.end)
        return await ledger.lock_lots(db, account.id)

    async def _grant(self, db: Database, account: Account, key: str, expires_at: datetime) -> None:
        lot, amount = ids.new("lot"), self._plan(account).allowance(full=account.full_allowance)
        added = await ledger.add_lot(
            db,
            id=lot,
            user_id=account.id,
            bucket="allowance",
            source="kinora",
            amount=amount,
            expires_at=expires_at,
            key=key,
        )
        if added:
            part = Part(lot, "allowance", amount)
            await ledger.add_legs(db, _transfer("grant", account.id, [part], "granted", "available"))

    async def hold(self, db: Database, account: Account, prices: dict[str, int]) -> None:
        """Set aside each generation's price, soonest-expiring credits first. Raises InsufficientCredits."""
        lots = await self.ensure_allowance(db, account)
        total, available = sum(prices.values()), sum(lot.remaining for lot in lots)
        if total > available:
            raise InsufficientCredits(total, available)
        holds = _split(prices, lots)
        taken = [part for _, _, parts in holds for part in parts]
        await ledger.take(db, *_by_lot(taken))
        await ledger.add_holds(db, account.id, holds)
        await ledger.add_legs(
            db,
            [
                leg
                for generation, _, parts in holds
                for leg in _transfer("hold", account.id, parts, "available", "held", generation)
            ],
        )

    async def settle(self, db: Database, generation_id: str, charge: int | None = None) -> Hold | None:
        """Charge a generation and release the rest of its hold; None if the hold was closed before.

        `charge` is in credits: None charges the whole hold, 0 releases it all. The lots first taken from are charged
        first, so what would expire soonest is what is spent.
        """
        closed = await ledger.close_hold(db, generation_id, charge)
        if closed is None:
            return None
        charged, rest = _cut(closed.parts, closed.settled)
        if charged:
            await ledger.add_legs(db, _settled(closed.user_id, charged, generation_id))
        if rest:
            await self._release(db, closed.user_id, rest, generation_id)
        return closed

    async def _release(self, db: Database, user_id: str, parts: list[Part], generation_id: str) -> None:
        lots = await self.ensure_allowance(db, await ledger.account(db, user_id, Account))
        current = {lot.id for lot in lots}
        heir = next(lot.id for lot in lots if lot.bucket == "allowance")
        back: dict[str, Part] = {}
        for part in parts:
            gone = part.bucket == "allowance" and part.lot not in current
            lot = heir if gone else part.lot
            await ledger.put_back(db, lot, part.amount, regrant=gone)
            back[lot] = Part(lot, part.bucket, part.amount + (back[lot].amount if lot in back else 0))
        await ledger.add_legs(
            db, _transfer("release", user_id, list(back.values()), "held", "available", generation_id)
        )

    async def balance(self, db: Database, account: Account) -> Balance:
        """What may be spent now, what is set aside, and where it came from."""
        await expire(db, account.id)
        lots = await self.ensure_allowance(db, account)
        sums = {
            bucket: sum(lot.remaining for lot in lots if lot.bucket == bucket) for bucket in ("allowance", "purchased")
        }
        renewal = min(lot.expires_at for lot in lots if lot.bucket == "allowance" and lot.expires_at)
        return Balance(
            available=sum(lot.remaining for lot in lots),
            held=await ledger.held(db, account.id),
            buckets=Buckets(
                allowance=Amount(amount=sums["allowance"], expires_at=int(renewal.timestamp())),
                purchased=Amount(amount=sums["purchased"]),
                overage=Overage(),
            ),
        )

    def _plan(self, account: Account) -> Plan:
        return self._tariff.plan(account.plan)


def _split(prices: dict[str, int], lots: list[Lot]) -> list[tuple[str, int, list[Part]]]:
    """Which lots pay for which generation, in the order the lots are given."""
    left = [(lot, lot.remaining) for lot in lots if lot.remaining]
    holds = []
    for generation, price in prices.items():
        parts, due = [], price
        while due:
            lot, there = left.pop(0)
            amount = min(due, there)
            parts.append(Part(lot.id, lot.bucket, amount))
            due -= amount
            if there > amount:
                left.insert(0, (lot, there - amount))
        holds.append((generation, price, parts))
    return holds


def _by_lot(parts: list[Part]) -> tuple[list[str], list[int]]:
    amounts: dict[str, int] = {}
    for part in parts:
        amounts[part.lot] = amounts.get(part.lot, 0) + part.amount
    return list(amounts), list(amounts.values())


def _cut(parts: list[Part], amount: int) -> tuple[list[Part], list[Part]]:
    """The parts that make up the first `amount` credits, and the others."""
    first, rest = [], []
    for part in parts:
        share = min(part.amount, amount)
        amount -= share
        first.append(Part(part.lot, part.bucket, share))
        rest.append(Part(part.lot, part.bucket, part.amount - share))
    return [part for part in first if part.amount], [part for part in rest if part.amount]


def _settled(user_id: str, parts: list[Part], generation_id: str) -> list[Leg]:
    """Held credits become revenue. A zero on `available` lets the user see it in the ledger."""
    legs = []
    for part in parts:
        transfer = ids.new("tx")
        for account, amount in (("available", 0), ("held", -part.amount), ("revenue", part.amount)):
            legs.append(_leg("settle", transfer, user_id, part, account, amount, generation_id))
    return legs


async def expire(db: Database, user_id: str | None = None) -> int:
    """Take back what has expired, of one user or of all; return how many lots were emptied."""
    gone = await ledger.expire_lots(db, user_id)
    legs = [
        leg
        for lot, owner, bucket, amount in gone
        for leg in _transfer("expire", owner, [Part(lot, bucket, amount)], "available", "expired")
    ]
    if legs:
        await ledger.add_legs(db, legs)
    return len(gone)


def _transfer(
    kind: EntryKind, user_id: str, parts: list[Part], source: str, target: str, generation_id: str | None = None
) -> list[Leg]:
    """Both legs of moving each part from one account to another."""
    legs = []
    for part in parts:
        transfer = ids.new("tx")
        legs.append(_leg(kind, transfer, user_id, part, source, -part.amount, generation_id))
        legs.append(_leg(kind, transfer, user_id, part, target, part.amount, generation_id))
    return legs


def _leg(
    kind: EntryKind, transfer: str, user_id: str, part: Part, account: str, amount: int, generation_id: str | None
) -> Leg:
    """A row whose key says what it books, so that booking it again is refused by the table.

    A lot may expire twice, when a release that began before the month's end commits after it; each time it gives
    up only what was left, so those keys are the transfers' own.
    """
    key = f"{kind}:{generation_id or (transfer if kind == 'expire' else part.lot)}:{part.lot}:{account}"
    return Leg(ids.new("entry"), transfer, key, user_id, account, part.bucket, kind, amount, part.lot, generation_id)
