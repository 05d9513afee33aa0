"""Grants: credits of a paid period or a pack, and the overage line. Each grant may be repeated without effect."""

from __future__ import annotations

from datetime import UTC, datetime

from api.billing.ledger.lots import expire_lots, grant_lot
from api.billing.ledger.transfers import move_credits
from api.sql import subscriptions
from api.sql.connection import Database, database_time
from api.sql.ledger import ledger_users, lots
from api.sql.ledger.ledger_entries import insert_legs
from api.sql.ledger.lots import Lot, LotAmount, LotChange, NewLot, Source


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
    """Grant the credits of a paid invoice line, whose id is `key`; False if that was done before."""
    await ledger_users.lock_user(db, user_id)
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
    return await grant_lot(db, new)


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

    `key` is the purchase's id at the payment provider, `payment` the id that a refund there will name.
    """
    await ledger_users.lock_user(db, user_id)
    new = NewLot(
        user_id=user_id,
        bucket="purchased",
        source=source,
        amount=credits,
        key=f"{source}:{key}",
        invoice=invoice,
        payment=payment,
    )
    return await grant_lot(db, new)


# -- overage line -------------------------------------------------------------------------------------------


async def sync_overage_line(db: Database, user_id: str) -> None:
    """Bring the overage line in accord with the user's cap and with the subscription that pays for it.

    It is open while the subscription is paid for and has an item that charges overage: not in a trial, nor while an
    invoice is unpaid. The cap ends with the subscription.
    """
    user = await ledger_users.lock_user(db, user_id)
    subscription = await subscriptions.find_current(db, user_id)
    if subscription is None:
        await ledger_users.set_overage_cap(db, user_id, None)
        await _close_lines(db, user_id, await lots.list_spendable_lots(db, user_id))
        return
    is_charged = subscription.status == "active" and subscription.metered_item
    cap = user.overage_cap if is_charged else None
    await set_overage_line(
        db, user_id, cap=cap or 0, period_start=subscription.period_start, period_end=subscription.period_end
    )


async def set_overage_line(
    db: Database, user_id: str, *, cap: int, period_start: datetime, period_end: datetime
) -> None:
    """Allow `cap` credits of overage in this period, and none in any other; 0 closes the line.

    Credits that are charged or held count towards the cap, also when it is lowered below them.
    """
    await ledger_users.lock_user(db, user_id)
    await expire_lots(db, user_id)
    key = f"overage:{user_id}:{period_start.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    await _close_lines(db, user_id, [lot for lot in await lots.list_spendable_lots(db, user_id) if lot.key != key])
    if await database_time(db) >= period_end:
        cap = 0  # the next period's line is opened when that period is known
    if cap:
        line = NewLot(user_id=user_id, bucket="overage", source="kinora", amount=0, key=key, expires_at=period_end)
        await grant_lot(db, line)
    if (lot := await lots.find_lot_by_key(db, key)) is not None:
        if cap:
            await lots.set_lot_expiry(db, lot.id, period_end)
        await _set_cap(db, user_id, lot, cap)


async def _close_lines(db: Database, user_id: str, spendable: list[Lot]) -> None:
    for lot in spendable:
        if lot.bucket == "overage":
            await _set_cap(db, user_id, lot, 0)


async def _set_cap(db: Database, user_id: str, lot: Lot, cap: int) -> None:
    """Set the cap of an overage line. The difference of `granted` and `remaining - owed`, which is what was charged or
    is held, stays the same.
    """
    if cap == lot.granted:
        return
    net = lot.remaining - lot.owed + cap - lot.granted
    moved, owed = max(net, 0) - lot.remaining, max(-net, 0)
    change = LotChange(lot.id, remaining=moved, owed=owed - lot.owed, granted=cap - lot.granted)
    await lots.change_lots(db, [change])
    credits = LotAmount(lot.id, lot.bucket, abs(moved))
    if moved > 0:
        await insert_legs(db, move_credits("grant", user_id, credits, "granted", "available"))
    elif moved < 0:
        await insert_legs(db, move_credits("expire", user_id, credits, "available", "expired"))
