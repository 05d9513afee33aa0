"""Lots: granting, expiring and succeeding them, with the entries that book it. Knows no tariff and no Stripe.

Everything here runs under `ledger_users.lock_user`, in the caller's transaction.
"""

from __future__ import annotations

from api import ids
from api.billing.ledger.transfers import move_credits
from api.billing.tariff.plans import allowance_month
from api.schemas.billing import EntryKind
from api.sql.connection import Database, database_time
from api.sql.ledger import ledger_users, lots
from api.sql.ledger.ledger_entries import insert_legs
from api.sql.ledger.ledger_users import LedgerUser
from api.sql.ledger.lots import LotAmount, NewLot


async def grant_lot(db: Database, new: NewLot) -> bool:
    """Grant a lot (`granted` → `available`); False if one with its key was granted before."""
    is_new = await lots.insert_lot(db, new)
    if is_new and new.amount:
        kind: EntryKind = "purchase" if new.bucket == "purchased" else "grant"
        credits = LotAmount(new.id, new.bucket, new.amount)
        legs = move_credits(kind, new.user_id, credits, "granted", "available", invoice=new.invoice)
        await insert_legs(db, legs)
    return is_new


async def add_successor_lot(db: Database, user: LedgerUser, amount: int) -> str:
    """Add a lot for credits that come back to an expired allowance, valid for the present period, and return its id.
    Its entries are the caller's to book. It belongs to no payment, so that a clawback takes its share of what was paid
    only once.
    """
    spendable = await lots.list_spendable_lots(db, user.id)
    expiries = [lot.expires_at for lot in spendable if lot.bucket == "allowance"]
    month = allowance_month(user.created_at, await database_time(db))
    new = NewLot(
        user_id=user.id,
        bucket="allowance",
        source="kinora",
        amount=amount,
        key=f"again:{ids.new_id('tx')}",
        expires_at=max(filter(None, expiries), default=month.end),
    )
    await lots.insert_lot(db, new)
    return new.id


async def expire_lots(db: Database, user_id: str | None = None) -> int:
    """Expire what is due (`available` → `expired`): of one user, whom the caller has locked, or of all users, who are
    locked here. Returns how many lots had something left.
    """
    user_ids = await ledger_users.lock_users_with_expired_lots(db) if user_id is None else [user_id]
    emptied = await lots.empty_expired_lots(db, user_ids)
    legs = [
        leg
        for lot_id, owner, bucket, amount in emptied
        for leg in move_credits("expire", owner, LotAmount(lot_id, bucket, amount), "available", "expired")
    ]
    if legs:
        await insert_legs(db, legs)
    return len(emptied)
