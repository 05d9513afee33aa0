"""What a refund or a dispute takes back. Knows payments and claims by name alone.

A lot's claims are due in full, whatever is left of it: what cannot be taken yet stands in `lots.owed`, and goes from
what holds give back later. What was spent stays owed for good, and nobody is asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec.structs import replace

from api.billing.ledger import lots
from api.sql import clawbacks, ledger_entries
from api.sql.clawbacks import Clawback, ClawbackKind
from api.sql.connection import Database
from api.sql.ledger_entries import HoldPart, LedgerUser, Leg, Lot, LotChange

__all__ = ["Clawback", "apply_claim", "collect_owed"]


async def apply_claim(db: Database, *, claim: str, kind: ClawbackKind, payment: str, share: Fraction) -> list[Clawback]:
    """Let a refund or a dispute take back this share (0 to 1) of each lot that the payment granted, rounded down.

    This is a state and not a step: the same share again changes nothing, a smaller one gives back, and 0 all. What
    comes back to an allowance that has expired is granted again to the present period. Answers what is due of each
    lot and what of it is taken.
    """
    found: list[Clawback] = []
    for user_id in await ledger_entries.list_payers(db, payment):
        account = await ledger_entries.lock_user(db, user_id)
        await lots.expire_lots(db, user_id)
        for lot in await ledger_entries.list_paid_lots(db, payment):
            found += await _claim_lot(db, account, lot, Clawback(claim, lot.id, kind, int(lot.granted * share), 0))
    return found


async def _claim_lot(db: Database, account: LedgerUser, lot: Lot, wanted: Clawback) -> list[Clawback]:
    claims = {each.claim: each for each in await clawbacks.list_clawbacks(db, [lot.id])}
    known = claims.get(wanted.claim)
    more = wanted.due - (known.due if known else 0)
    if not more:
        return [known] if known else []
    claims[wanted.claim] = wanted
    net = lot.remaining - lot.owed - more
    moved, owed = max(net, 0) - lot.remaining, max(-net, 0)
    after = _allocate_taken(list(claims.values()), sum(each.due for each in claims.values()) - owed)
    await clawbacks.upsert_clawbacks(db, after)
    await _book_claim(db, account, lot, wanted, moved, owed)
    return [each for each in after if each.claim == wanted.claim]


async def _book_claim(db: Database, account: LedgerUser, lot: Lot, wanted: Clawback, moved: int, owed: int) -> None:
    """Take from the lot, or give back to it or to its successor; a claim that finds nothing shows itself by a zero."""
    gone = moved > 0 and lot.expired
    part = await lots.add_successor_lot(db, account, moved) if gone else HoldPart(lot.id, lot.bucket, moved)
    await ledger_entries.change_lots(db, [LotChange(lot.id, 0 if gone else moved, owed - lot.owed)])
    legs = lots.build_legs(
        wanted.kind,
        account.id,
        ((HoldPart(lot.id, lot.bucket, moved), "returned", -moved), (part, "available", moved)),
        claim=wanted.claim,
    )
    await ledger_entries.add_legs(db, legs)


async def collect_owed(db: Database, user_id: str, lot: Lot, amount: int) -> list[Leg]:
    """The entries for taking so much of what a lot owes out of what a hold gave back, to the oldest claims first.

    A line of overage that was lowered owes to no claim.
    """
    if lot.bucket == "overage":
        return lots.transfer_legs("expire", user_id, HoldPart(lot.id, lot.bucket, amount), "available", "expired")
    before = await clawbacks.list_clawbacks(db, [lot.id])
    after = _allocate_taken(before, sum(each.taken for each in before) + amount)
    await clawbacks.upsert_clawbacks(db, after)
    return [
        leg
        for old, new in zip(before, after, strict=True)
        if new.taken > old.taken
        for leg in lots.transfer_legs(
            new.kind,
            user_id,
            HoldPart(lot.id, lot.bucket, new.taken - old.taken),
            "available",
            "returned",
            claim=new.claim,
        )
    ]


def _allocate_taken(claims: Sequence[Clawback], total: int) -> list[Clawback]:
    """The claims with what was taken in all laid to the oldest first."""
    shared = []
    for each in claims:
        taken = min(each.due, total)
        total -= taken
        shared.append(replace(each, taken=taken))
    return shared
