"""Answering the same request twice with the same answer. Knows fingerprints and answers, not what they mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from api.errors import Invalid, KeyReused, StillRunning
from api.sql import idempotency
from api.sql.connection import Database
from api.sql.idempotency import Answer

KEY_LENGTH = 255


class RequestIdentity(NamedTuple):
    """By what a repeated request is recognised: its user, its Idempotency-Key if it has one, a hash of its content.

    `retried` is set when the client says that this is not its first try.
    """

    user_id: str
    key: str | None
    fingerprint: bytes
    retried: bool = False


class Outcome(NamedTuple):
    """The answer to a request, and whether it is that of an earlier request with the same key."""

    answer: Answer
    replayed: bool


def key_of(header: str | None) -> str | None:
    """The request's key, checked."""
    if header is None:
        return None
    if not 1 <= len(header) <= KEY_LENGTH or not header.isascii() or not header.isprintable():
        detail = f"Idempotency-Key takes 1 to {KEY_LENGTH} printable ASCII characters."
        raise Invalid(detail, param="Idempotency-Key")
    return header


async def answer_once(db: Database, identity: RequestIdentity, work: Callable[[], Awaitable[Answer]]) -> Outcome:
    """The kept answer to this key, or that of `work`, kept in the same transaction. Without a key nothing is kept.

    Raises StillRunning, KeyReused, and whatever `work` raises.
    """
    if identity.key is None:
        return Outcome(await work(), replayed=False)
    if earlier := await replay(db, identity.user_id, identity.key, identity.fingerprint):
        return Outcome(earlier, replayed=True)
    answer = await work()
    await idempotency.keep(db, identity.user_id, identity.key, answer)
    return Outcome(answer, replayed=False)


async def replay(db: Database, user_id: str, key: str, fingerprint: bytes) -> Answer | None:
    """The first answer to this key, or None if this request is the first; its transaction then owns the key.

    Raises StillRunning while the first request's transaction is open, and KeyReused if it was another request.
    """
    if not await idempotency.lock(db, user_id, key):
        detail = "The first request with this Idempotency-Key is still running; ask again in a moment."
        raise StillRunning(detail, headers={"Retry-After": "1"})
    answer = await idempotency.find(db, user_id, key)
    if answer is not None and answer.fingerprint != fingerprint:
        detail = "This Idempotency-Key came with a different request before; use a new key for a new request."
        raise KeyReused(detail, param="Idempotency-Key")
    return answer


async def keep_first(db: Database, user_id: str, key: str, answer: Answer) -> Answer:
    """Keep the answer unless there is one already; return the one that stands. Raises KeyReused."""
    await idempotency.wait_for(db, user_id, key)
    kept = await replay(db, user_id, key, answer.fingerprint)
    if kept is None:
        await idempotency.keep(db, user_id, key, answer)
    return kept or answer


async def recognise(db: Database, user_id: str, key: str, fingerprint: bytes) -> None:
    """For a request that may be done twice: keep its key, so that another request with the same one is refused."""
    if await replay(db, user_id, key, fingerprint) is None:
        await idempotency.keep(db, user_id, key, Answer(fingerprint=fingerprint, status=200, headers={}, body=b""))
