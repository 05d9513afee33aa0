"""Answering a POST once for its Idempotency-Key, where the work cannot be in one transaction with the answer.

What it does must be safe to do twice: of two requests at the same moment both may do it, and both get one answer.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import msgspec
from litestar import Response

from api import idempotency
from api.http.requests import UserRequest, identify_request
from api.http.state import AppState
from api.sql.connection import transaction
from api.sql.idempotency import StoredAnswer

Shown = TypeVar("Shown", bound=msgspec.Struct)


async def once(
    request: UserRequest, app_state: AppState, asked: msgspec.Struct, act: Callable[[], Awaitable[Shown]]
) -> Response[Shown]:
    """What `act` answers, or what it answered the first time. Raises KeyReused, and whatever `act` raises."""
    identity = identify_request(request, asked)
    if identity.key is None:
        return Response(await act(), status_code=200)
    async with transaction(app_state.pool) as db:
        kept = await idempotency.find_earlier_answer(db, identity)
    if kept is None:
        fresh = StoredAnswer(
            fingerprint=identity.fingerprint, status=200, headers={}, body=msgspec.json.encode(await act())
        )
        async with transaction(app_state.pool) as db:
            kept = await idempotency.keep_first_answer(db, identity, fresh)
    return cast("Response[Shown]", Response(kept.body, status_code=kept.status, media_type="application/json"))


async def anew(
    request: UserRequest, app_state: AppState, asked: msgspec.Struct, act: Callable[[], Awaitable[Shown]]
) -> Response[Shown]:
    """What `act` answers, each time: for answers that must not be kept. Raises KeyReused, and whatever `act` raises."""
    identity = identify_request(request, asked)
    if identity.key is not None:
        async with transaction(app_state.pool) as db:
            await idempotency.record_key(db, identity)
    return Response(await act(), status_code=200)
