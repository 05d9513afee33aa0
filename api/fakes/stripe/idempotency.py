"""Idempotency keys as version 1 of Stripe's API keeps them.

The first response whose processing had begun is stored, a 500 too, and replayed for a day to the same request with the
same key. Other parameters are rejected, and so is a request while the first is in progress.
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
    """The first response to a request with a key."""

    status: int
    body: bytes
    request_id: str


class IdempotencyKeys:
    """The account's keys. Requests in progress are known to this process only: they end with it."""

    def __init__(self) -> None:
        self._in_progress: set[str] = set()

    def begin_request(
        self, account: StripeAccount, key: str, method: str, path: str, params: object
    ) -> StoredResponse | None:
        """The response stored for the key; without one, the key is in use until `end_request`. Raises StripeError."""
        if len(key) > MAX_KEY_LENGTH:
            limit = f"Idempotency keys can only be up to {MAX_KEY_LENGTH} characters."
            raise errors.invalid_request(f"{limit} The key provided was {len(key)} characters.")
        if key in self._in_progress:
            raise errors.idempotency_key_in_use(key)
        stored = _find_stored_response(account, key, request_fingerprint(method, path, params))
        if stored is None:
            self._in_progress.add(key)
        return stored

    def end_request(self, key: str) -> None:
        self._in_progress.discard(key)


def request_fingerprint(method: str, path: str, params: object) -> str:
    """Equal for requests with the same method, path and parameters, in any order of parameters."""
    body = msgspec.json.encode(params, order="deterministic")
    return f"{method} {path} {hashlib.sha256(body).hexdigest()}"


def _find_stored_response(account: StripeAccount, key: str, fingerprint: str) -> StoredResponse | None:
    connection = account.store.connection
    connection.execute("DELETE FROM keys WHERE created < ?", (account.now() - RETENTION,))
    row = connection.execute("SELECT request, status, body, request_id FROM keys WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row[0] != fingerprint:
        raise errors.idempotency_key_reused(key)
    return StoredResponse(row[1], row[2], row[3])


def store_response(account: StripeAccount, key: str, fingerprint: str, response: StoredResponse) -> None:
    """Store the response in the transaction of the work, so that neither is there without the other."""
    account.store.connection.execute(
        "INSERT OR REPLACE INTO keys (key, request, status, body, request_id, created) VALUES (?, ?, ?, ?, ?, ?)",
        (key, fingerprint, response.status, response.body, response.request_id, account.now()),
    )
