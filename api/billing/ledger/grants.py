"""What gives somebody credits: a paid period, a pack, a line of overage. Each may be asked for any number of times."""

from __future__ import annotations

from datetime import UTC, datetime

from api.billing.ledger import lots
from api.schemas.billing import EntryKind
from api.sql import ledger_entries
from api.sql.connection import Database
from api.sql.ledger_entries import HoldPart, Lot, LotChange, NewLot, Source


async def grant_allowance(
    db: Database,
    user_id: str,
    *,
    key: str,
    credits: int,
    expires_at: datetime,
    invoice: str | None,
    payment: str | None,
) -> bool:
    """Grant the credits of a paid line of an invoice, whose id is `key`; False if that was done before."""
    await ledger_entries.lock_user(db, user_id)
    new = NewLot(
        user_id=user_id,
        bucket="allowance",
        source="stripe",
        amount=credits,
        key=f"stripe:{key}",
        expires_at=expires_at,
        invoice=invoice,
        payment=payment,
    )
    return await lots.grant_lot(db, new)


async def grant_pack(
    db: Database,
    user_id: str,
    *,
    source: Source,
    key: str,
    credits: int,
    payment: str | None,
    invoice: str | None = None,
) -> bool:
    """Grant a pack, which never expires and no change of plan touches; False if its `key` was granted before.

    `key` is the purchase's name at the shop it was made in, `payment` what a refund there will name.
    """
    await ledger_entries.lock_user(db, user_id)
    new = NewLot(
        user_id=user_id,
        bucket="purchased",
        source=source,
        amount=credits,
        key=f"{source}:{key}",
        invoice=invoice,
        payment=payment,
    )
    return await lots.grant_lot(db, new)


async def sync_overage_line(db: Database, user_id: str) -> None:
    """Bring the line of overage in accord with what the person allows and with the subscription that pays for it.

    It is open while that is paid for, and charges it: not in a trial, nor while an invoice is unpaid. What was allowed
    ends with the subscription.
    """
    account = await ledger_entries.lock_user(db, user_id)
    subscription = await ledger_entries.subscription(db, user_id)
    if subscription is None:
        await ledger_entries.set_overage_cap(db, user_id, None)
        await _close_lines(db, user_id, await ledger_entries.list_spendable_lots(db, user_id))
        return
    charged = subscription.status == "active" and subscription.metered_item
    cap = account.overage_cap if charged else None
    await set_overage_line(
        db, user_id, cap=cap or 0, period_start=subscription.period_start, period_end=subscription.period_end
    )


async def set_overage_line(
    db: Database, user_id: str, *, cap: int, period_start: datetime, period_end: datetime
) -> None:
    """Let so many credits of this period be used above what is there, and none of any other; 0 closes the line.

    What was used or is set aside counts towards the cap, also when it is lowered below that.
    """
    await ledger_entries.lock_user(db, user_id)
    await lots.expire_lots(db, user_id)
    key = f"overage:{user_id}:{period_start.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    await _close_lines(
        db, user_id, [lot for lot in await ledger_entries.list_spendable_lots(db, user_id) if lot.key != key]
    )
    if await ledger_entries.database_time(db) >= period_end:
        cap = 0  # the next period's line is opened when that is known
    if cap:
        line = NewLot(user_id=user_id, bucket="overage", source="kinora", amount=0, key=key, expires_at=period_end)
        await lots.grant_lot(db, line)
    if (lot := await ledger_entries.find_lot_by_key(db, key)) is not None:
        if cap:
            await ledger_entries.set_lot_expiry(db, lot.id, period_end)
        await _set_cap(db, user_id, lot, cap)


async def _close_lines(db: Database, user_id: str, given: list[Lot]) -> None:
    for lot in given:
        if lot.bucket == "overage":
            await _set_cap(db, user_id, lot, 0)


async def _set_cap(db: Database, user_id: str, lot: Lot, cap: int) -> None:
    """Whatever the cap, `remaining - owed` stays what it leaves of used and held credits."""
    if cap == lot.granted:
        return
    net = lot.remaining - lot.owed + cap - lot.granted
    moved, owed = max(net, 0) - lot.remaining, max(-net, 0)
    await ledger_entries.change_lots(db, [LotChange(lot.id, moved, owed - lot.owed, cap - lot.granted)])
    kind: EntryKind = "grant" if moved > 0 else "expire"
    source, target = ("granted", "available") if moved > 0 else ("available", "expired")
    if moved:
        await ledger_entries.add_legs(
            db, lots.transfer_legs(kind, user_id, HoldPart(lot.id, lot.bucket, abs(moved)), source, target)
        )
