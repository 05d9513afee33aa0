"""Answering a POST once for its Idempotency-Key, where the work cannot be in one transaction with the answer.

What it does must be safe to do twice: of two requests at the same moment both may do it, and both get one answer.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import msgspec
from litestar import Response

from api import idempotency
from api.http import body
from api.http.requests import UserRequest
from api.http.state import AppState
from api.sql.connection import transaction
from api.sql.idempotency import Answer

Shown = TypeVar("Shown", bound=msgspec.Struct)


async def once(
    request: UserRequest, app_state: AppState, asked: msgspec.Struct, act: Callable[[], Awaitable[Shown]]
) -> Response[Shown]:
    """What `act` answers, or what it answered the first time. Raises KeyReused, and whatever `act` raises."""
    key, user_id = idempotency.key_of(request.headers.get("idempotency-key")), request.user.user_id
    if key is None:
        return Response(await act(), status_code=200)
    fingerprint = body.fingerprint(request.method, request.url.path, asked)
    async with transaction(app_state.pool) as db:
        kept = await idempotency.replay(db, user_id, key, fingerprint)
    if kept is None:
        fresh = Answer(fingerprint=fingerprint, status=200, headers={}, body=msgspec.json.encode(await act()))
        async with transaction(app_state.pool) as db:
            kept = await idempotency.keep_first(db, user_id, key, fresh)
    return cast("Response[Shown]", Response(kept.body, status_code=kept.status, media_type="application/json"))


async def anew(
    request: UserRequest, app_state: AppState, asked: msgspec.Struct, act: Callable[[], Awaitable[Shown]]
) -> Response[Shown]:
    """What `act` answers, each time: for answers that must not be kept. Raises KeyReused, and whatever `act` raises."""
    if key := idempotency.key_of(request.headers.get("idempotency-key")):
        fingerprint = body.fingerprint(request.method, request.url.path, asked)
        async with transaction(app_state.pool) as db:
            await idempotency.recognise(db, request.user.user_id, key, fingerprint)
    return Response(await act(), status_code=200)
