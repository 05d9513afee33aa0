"""Identifies repeated requests, and answers a POST once per Idempotency-Key.

`respond_once` serves work that cannot share a transaction with its answer, such as calls to Stripe. The work must be
safe to repeat: of two simultaneous requests both may do it, and both get the same answer.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import msgspec
from litestar import Response

from api import idempotency
from api.http.requests import UserRequest
from api.http.state import AppState
from api.idempotency import RequestIdentity
from api.sql.connection import transaction
from api.sql.idempotency import StoredAnswer

RETRY_COUNT = "x-stainless-retry-count"  # header of clients made by Stainless, such as OpenAI's

Content = TypeVar("Content", bound=msgspec.Struct)


def identify_request(request: UserRequest, content: msgspec.Struct | None = None) -> RequestIdentity:
    """The identity by which a repetition is recognised; `content` is the parsed body. Raises Invalid."""
    return RequestIdentity(
        user_id=request.user.user_id,
        key=idempotency.check_key(request.headers.get("idempotency-key")),
        fingerprint=request_fingerprint(request.method, request.url.path, content),
        retried=request.headers.get(RETRY_COUNT, "0") not in ("", "0"),
    )


def request_fingerprint(method: str, path: str, content: msgspec.Struct | None = None) -> bytes:
    """SHA-256 of the parsed request: equal for JSON and a form, for any order of fields and any boundary."""
    fields = msgspec.to_builtins(content, builtin_types=(bytes,))
    canonical = msgspec.json.encode([method, path, _digest_files(fields)], order="deterministic")
    return hashlib.sha256(canonical).digest()


def _digest_files(value: Any) -> Any:
    """The value with every file replaced by its SHA-256, rather than encoded in base 64."""
    if isinstance(value, bytes):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, dict):
        return {key: _digest_files(item) for key, item in value.items()}
    return [_digest_files(item) for item in value] if isinstance(value, list) else value


async def respond_once(
    request: UserRequest, app_state: AppState, content: msgspec.Struct, work: Callable[[], Awaitable[Content]]
) -> Response[Content]:
    """The result of `work`, or the answer stored for the key. Raises IdempotencyKeyReused and what `work` raises."""
    identity = identify_request(request, content)
    if identity.key is None:
        return Response(await work(), status_code=200)
    async with transaction(app_state.pool) as db:
        answer = await idempotency.find_earlier_answer(db, identity)
    if answer is None:
        encoded = msgspec.json.encode(await work())
        new = StoredAnswer(fingerprint=identity.fingerprint, status=200, headers={}, body=encoded)
        async with transaction(app_state.pool) as db:
            answer = await idempotency.keep_first_answer(db, identity, new)
    return cast("Response[Content]", Response(answer.body, status_code=answer.status, media_type="application/json"))


async def respond_anew(
    request: UserRequest, app_state: AppState, content: msgspec.Struct, work: Callable[[], Awaitable[Content]]
) -> Response[Content]:
    """The result of `work`, never stored. Raises IdempotencyKeyReused, and whatever `work` raises."""
    identity = identify_request(request, content)
    if identity.key is not None:
        async with transaction(app_state.pool) as db:
            await idempotency.record_key(db, identity)
    return Response(await work(), status_code=200)
