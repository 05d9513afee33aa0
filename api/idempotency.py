"""Replays the stored answer to a repeated request. Knows fingerprints and answers, not their meaning."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from api.errors import IdempotencyKeyReused, Invalid, RequestInProgress
from api.sql import idempotency
from api.sql.connection import Database
from api.sql.idempotency import StoredAnswer

KEY_LENGTH = 255


class RequestIdentity(NamedTuple):
    """How a repeated request is recognised: its user, its Idempotency-Key if it has one, and a hash of its content.

    `retried` is set when the client says that this is not its first try.
    """

    user_id: str
    key: str | None
    fingerprint: bytes
    retried: bool = False


class IdempotentOutcome(NamedTuple):
    """The answer to a request, and whether it is that of an earlier request with the same key."""

    answer: StoredAnswer
    replayed: bool


def check_key(header: str | None) -> str | None:
    """The value of an `Idempotency-Key` header, checked. Raises Invalid."""
    if header is None:
        return None
    if not 1 <= len(header) <= KEY_LENGTH or not header.isascii() or not header.isprintable():
        detail = f"Idempotency-Key takes 1 to {KEY_LENGTH} printable ASCII characters."
        raise Invalid(detail, param="Idempotency-Key")
    return header


async def answer_once(
    db: Database, identity: RequestIdentity, work: Callable[[], Awaitable[StoredAnswer]]
) -> IdempotentOutcome:
    """The kept answer to this key, or that of `work`, kept in the same transaction. Without a key nothing is kept.

    Raises RequestInProgress, IdempotencyKeyReused, and whatever `work` raises.
    """
    if earlier := await find_earlier_answer(db, identity):
        return IdempotentOutcome(earlier, replayed=True)
    answer = await work()
    if identity.key is not None:
        await idempotency.keep_answer(db, identity.user_id, identity.key, answer)
    return IdempotentOutcome(answer, replayed=False)


async def find_earlier_answer(db: Database, identity: RequestIdentity) -> StoredAnswer | None:
    """The first answer to this key; None if this request is the first, and its transaction then owns the key.

    Raises RequestInProgress while the first request's transaction is open, and IdempotencyKeyReused
    if it was another request.
    """
    if identity.key is None:
        return None
    if not await idempotency.try_lock(db, identity.user_id, identity.key):
        detail = "The first request with this Idempotency-Key is still running; ask again in a moment."
        raise RequestInProgress(detail, headers={"Retry-After": "1"})
    answer = await idempotency.find_answer(db, identity.user_id, identity.key)
    if answer is not None and answer.fingerprint != identity.fingerprint:
        detail = "This Idempotency-Key came with a different request before; use a new key for a new request."
        raise IdempotencyKeyReused(detail, param="Idempotency-Key")
    return answer


async def keep_first_answer(db: Database, identity: RequestIdentity, answer: StoredAnswer) -> StoredAnswer:
    """Keep the answer unless there is one already, and return the one that is kept. Raises IdempotencyKeyReused."""
    if identity.key is None:
        return answer
    await idempotency.wait_for_lock(db, identity.user_id, identity.key)
    earlier = await find_earlier_answer(db, identity)
    if earlier is None:
        await idempotency.keep_answer(db, identity.user_id, identity.key, answer)
    return earlier or answer


async def record_key(db: Database, identity: RequestIdentity) -> None:
    """Keep the key of a request that may be done twice, so that another request with the same key is refused."""
    if identity.key is not None and await find_earlier_answer(db, identity) is None:
        empty = StoredAnswer(fingerprint=identity.fingerprint, status=200, headers={}, body=b"")
        await idempotency.keep_answer(db, identity.user_id, identity.key, empty)
