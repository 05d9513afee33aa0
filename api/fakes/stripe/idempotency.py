"""Idempotency keys as the first version of Stripe's API keeps them.

The first answer whose work had begun is kept, a 500 too, and given again for a day to whoever brings the key with the
same request; other parameters are refused, and so is a request while the first is still being executed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.clock import DAY

MAX_KEY_LENGTH = 255
RETENTION = DAY


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A first answer."""

    status: int
    body: bytes
    request_id: str


class IdempotencyKeys:
    """The keys of this account. Those of requests under way are known to this process only: they end with it."""

    def __init__(self) -> None:
        self._in_progress: set[str] = set()

    def begin_request(
        self, world: StripeAccount, key: str, method: str, path: str, params: object
    ) -> StoredResponse | None:
        """The answer that is kept for the key; else the key is busy until `end`. Raises StripeError."""
        if len(key) > MAX_KEY_LENGTH:
            limit = f"Idempotency keys can only be up to {MAX_KEY_LENGTH} characters."
            raise errors.invalid_request(f"{limit} The key provided was {len(key)} characters.")
        if key in self._in_progress:
            raise errors.idempotency_key_in_use(key)
        kept = _find_stored_response(world, key, request_fingerprint(method, path, params))
        if kept is None:
            self._in_progress.add(key)
        return kept

    def end_request(self, key: str) -> None:
        """Its request is not being executed any more."""
        self._in_progress.discard(key)


def request_fingerprint(method: str, path: str, params: object) -> str:
    """What makes two requests the same: not the order of their parameters."""
    body = msgspec.json.encode(params, order="deterministic")
    return f"{method} {path} {hashlib.sha256(body).hexdigest()}"


def _find_stored_response(world: StripeAccount, key: str, request: str) -> StoredResponse | None:
    connection = world.store.connection
    connection.execute("DELETE FROM keys WHERE created < ?", (world.now() - RETENTION,))
    row = connection.execute("SELECT request, status, body, request_id FROM keys WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row[0] != request:
        raise errors.idempotency_key_reused(key)
    return StoredResponse(row[1], row[2], row[3])


def store_response(world: StripeAccount, key: str, request: str, answer: StoredResponse) -> None:
    """Keep the answer; in the same transaction as the work, so that neither is there without the other."""
    world.store.connection.execute(
        "INSERT OR REPLACE INTO keys (key, request, status, body, request_id, created) VALUES (?, ?, ?, ?, ?, ?)",
        (key, request, answer.status, answer.body, answer.request_id, world.now()),
    )
