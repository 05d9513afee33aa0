"""Lots: credits that come together and leave together, with the entries that book it. Knows no tariff and no shop.

What is here runs under `ledger.lock`, in the caller's transaction.
"""

from __future__ import annotations

from api import ids
from api.billing.tariff.plans import allowance_month
from api.schemas.billing import EntryKind
from api.sql import ledger_entries
from api.sql.connection import Database
from api.sql.ledger_entries import HoldPart, LedgerUser, Leg, NewLot


async def grant_lot(db: Database, new: NewLot) -> bool:
    """Give somebody a lot; False if one with this key was given before."""
    added = await ledger_entries.add_lot(db, new)
    if added and new.amount:
        kind: EntryKind = "purchase" if new.bucket == "purchased" else "grant"
        part = HoldPart(new.id, new.bucket, new.amount)
        await ledger_entries.add_legs(
            db, transfer_legs(kind, new.user_id, part, "granted", "available", invoice=new.invoice)
        )
    return added


async def add_successor_lot(db: Database, account: LedgerUser, amount: int) -> HoldPart:
    """A lot for what comes back to an allowance that has expired, good for the present period; its entries are the
    caller's to book. It is nobody's payment any more, so that a claim takes its share of what was paid for only once.
    """
    present = [
        each.expires_at
        for each in await ledger_entries.list_spendable_lots(db, account.id)
        if each.bucket == "allowance"
    ]
    month = allowance_month(account.created_at, await ledger_entries.database_time(db))
    new = NewLot(
        user_id=account.id,
        bucket="allowance",
        source="kinora",
        amount=amount,
        key=f"again:{ids.new('tx')}",
        expires_at=max(filter(None, present), default=month.end),
    )
    await ledger_entries.add_lot(db, new)
    return HoldPart(new.id, "allowance", amount)


async def expire_lots(db: Database, user_id: str | None = None) -> int:
    """Take back what has expired, of one user, who is locked, or of all; return how many lots had something left."""
    users = await ledger_entries.lock_users_with_expired_lots(db) if user_id is None else [user_id]
    gone = await ledger_entries.empty_expired_lots(db, users)
    legs = [
        leg
        for lot, owner, bucket, amount in gone
        for leg in transfer_legs("expire", owner, HoldPart(lot, bucket, amount), "available", "expired")
    ]
    if legs:
        await ledger_entries.add_legs(db, legs)
    return len(gone)


def transfer_legs(
    kind: EntryKind,
    user_id: str,
    part: HoldPart,
    source: str,
    target: str,
    *,
    generation_id: str | None = None,
    invoice: str | None = None,
    claim: str | None = None,
) -> list[Leg]:
    """Both legs of moving credits of a lot from one account to another."""
    moved = ((part, source, -part.amount), (part, target, part.amount))
    return build_legs(kind, user_id, moved, generation_id=generation_id, invoice=invoice, claim=claim)


def build_legs(
    kind: EntryKind,
    user_id: str,
    moved: tuple[tuple[HoldPart, str, int], ...],
    *,
    generation_id: str | None = None,
    invoice: str | None = None,
    claim: str | None = None,
) -> list[Leg]:
    """One transfer: (lot, account, signed amount) each.

    The key of a row says what it books, so that booking the same of a generation again is refused by the table. What
    may happen to a lot more than once has the transfer in its key.
    """
    tx = ids.new("tx")
    return [
        Leg(
            id=ids.new(ids.LEDGER_ENTRY),
            transfer=tx,
            key=f"{kind}:{generation_id or tx}:{part.lot}:{account}",
            user_id=user_id,
            account=account,
            bucket=part.bucket,
            kind=kind,
            amount=amount,
            lot_id=part.lot,
            generation_id=generation_id,
            invoice=invoice,
            claim=claim,
        )
        for part, account, amount in moved
    ]
