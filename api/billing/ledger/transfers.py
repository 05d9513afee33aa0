"""Transfers: movements of credits between accounts of the ledger, as legs that sum to zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from api import ids
from api.schemas.billing import Bucket, EntryKind
from api.sql.ledger.ledger_entries import Leg
from api.sql.ledger.lots import LotAmount


class Posting(NamedTuple):
    """`amount` credits of a lot added to an account, below 0 taken from it."""

    lot_id: str
    bucket: Bucket
    account: str
    amount: int


def build_transfer(
    kind: EntryKind,
    user_id: str,
    postings: Sequence[Posting],
    *,
    generation_id: str | None = None,
    invoice: str | None = None,
    claim: str | None = None,
) -> list[Leg]:
    """The legs of one transfer, whose postings sum to zero.

    The key of a leg names what it books, so that the table refuses to book the same of a generation twice. What may
    happen to a lot more than once has the transfer's id in its key.
    """
    transfer_id = ids.new_id("tx")
    return [
        Leg(
            id=ids.new_id("entry"),
            transfer=transfer_id,
            key=f"{kind}:{generation_id or transfer_id}:{posting.lot_id}:{posting.account}",
            user_id=user_id,
            account=posting.account,
            bucket=posting.bucket,
            kind=kind,
            amount=posting.amount,
            lot_id=posting.lot_id,
            generation_id=generation_id,
            invoice=invoice,
            claim=claim,
        )
        for posting in postings
    ]


def move_credits(
    kind: EntryKind,
    user_id: str,
    credits: LotAmount,
    source: str,
    target: str,
    *,
    generation_id: str | None = None,
    invoice: str | None = None,
    claim: str | None = None,
) -> list[Leg]:
    """Both legs of moving credits of a lot from one account to another."""
    postings = (
        Posting(credits.lot, credits.bucket, source, -credits.amount),
        Posting(credits.lot, credits.bucket, target, credits.amount),
    )
    return build_transfer(kind, user_id, postings, generation_id=generation_id, invoice=invoice, claim=claim)
