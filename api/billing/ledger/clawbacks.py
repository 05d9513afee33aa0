"""Clawbacks: the credits that a refund or a dispute takes back. Knows payments and claims by id alone.

A claim is due in full from each lot of its payment, whatever is left of the lot: what cannot be taken yet stands in
`lots.owed`, and is taken from what holds release later. What was spent stays owed for good, and is never collected.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec.structs import replace

from api.billing.ledger.lots import add_successor_lot, expire_lots
from api.billing.ledger.transfers import Posting, build_transfer, move_credits
from api.sql.connection import Database
from api.sql.ledger import ledger_entries, ledger_users, lots
from api.sql.ledger.clawbacks import Clawback, ClawbackKind, list_clawbacks, upsert_clawbacks
from api.sql.ledger.ledger_entries import Leg
from api.sql.ledger.ledger_users import LedgerUser
from api.sql.ledger.lots import Lot, LotAmount, LotChange

__all__ = ["Clawback", "apply_claim", "collect_owed"]


async def apply_claim(db: Database, *, claim: str, kind: ClawbackKind, payment: str, share: Fraction) -> list[Clawback]:
    """Let a refund or a dispute take back a share (0 to 1) of each lot that the payment granted, rounded down.

    The share is a state and not a step: the same again changes nothing, a smaller one gives back, and 0 gives back all.
    Credits that come back to an expired allowance are granted again to the present period. Returns the clawback of each
    lot.
    """
    applied: list[Clawback] = []
    for user_id in await lots.list_payers(db, payment):
        user = await ledger_users.lock_user(db, user_id)
        await expire_lots(db, user_id)
        for lot in await lots.list_paid_lots(db, payment):
            clawback = Clawback(claim, lot.id, kind, due=int(lot.granted * share), taken=0)
            applied += await _claim_lot(db, user, lot, clawback)
    return applied


async def _claim_lot(db: Database, user: LedgerUser, lot: Lot, new: Clawback) -> list[Clawback]:
    by_claim = {clawback.claim: clawback for clawback in await list_clawbacks(db, [lot.id])}
    known = by_claim.get(new.claim)
    increase = new.due - (known.due if known else 0)
    if not increase:
        return [known] if known else []
    by_claim[new.claim] = new
    net = lot.remaining - lot.owed - increase
    moved, owed = max(net, 0) - lot.remaining, max(-net, 0)
    total_due = sum(clawback.due for clawback in by_claim.values())
    after = _allocate_taken(list(by_claim.values()), total_due - owed)
    await upsert_clawbacks(db, after)
    await _book_claim(db, user, lot, new, moved, owed)
    return [clawback for clawback in after if clawback.claim == new.claim]


async def _book_claim(db: Database, user: LedgerUser, lot: Lot, clawback: Clawback, moved: int, owed: int) -> None:
    """Take `-moved` credits from the lot (`available` → `returned`), or give `moved` back to it or to its successor. A
    claim that finds nothing to take is shown to the user by an entry of 0.
    """
    to_successor = moved > 0 and lot.expired
    target_id = await add_successor_lot(db, user, moved) if to_successor else lot.id
    await lots.change_lots(db, [LotChange(lot.id, remaining=0 if to_successor else moved, owed=owed - lot.owed)])
    postings = (
        Posting(lot.id, lot.bucket, "returned", -moved),
        Posting(target_id, lot.bucket, "available", moved),
    )
    legs = build_transfer(clawback.kind, user.id, postings, claim=clawback.claim)
    await ledger_entries.insert_legs(db, legs)


async def collect_owed(db: Database, user_id: str, lot: Lot, amount: int) -> list[Leg]:
    """The legs that take `amount` of what a lot owes out of released credits, for the oldest claims first.

    An overage line whose cap was lowered owes to no claim: its credits expire.
    """
    if lot.bucket == "overage":
        return move_credits("expire", user_id, LotAmount(lot.id, lot.bucket, amount), "available", "expired")
    before = await list_clawbacks(db, [lot.id])
    after = _allocate_taken(before, sum(clawback.taken for clawback in before) + amount)
    await upsert_clawbacks(db, after)
    return [
        leg
        for old, new in zip(before, after, strict=True)
        if new.taken > old.taken
        for leg in move_credits(
            new.kind,
            user_id,
            LotAmount(lot.id, lot.bucket, new.taken - old.taken),
            "available",
            "returned",
            claim=new.claim,
        )
    ]


def _allocate_taken(clawbacks: Sequence[Clawback], total: int) -> list[Clawback]:
    """The clawbacks, oldest first, with `taken` filled up to what is due until `total` is used up."""
    allocated = []
    for clawback in clawbacks:
        taken = min(clawback.due, total)
        total -= taken
        allocated.append(replace(clawback, taken=taken))
    return allocated
