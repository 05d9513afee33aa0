"""Authentication, rate limiting and scopes of the routes under /v1.

A route requires a bearer token unless its `opt` says otherwise:

    exclude_from_auth  public; requests are limited per address
    signature          accepts a `signature` in the query instead of a bearer token; the route verifies it
    creates            creates work: also limited by CREATE, and refused while Redis is down
    signs_up           creates an account: also limited by SIGN_UP, per address
    uncounted          not limited, for callers such as Stripe; the route authenticates them itself
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ASGIApp, Guard, Message, Receive, Scope, Send

from api.errors import Forbidden, MissingScope, TooManyRequests, Unauthorized, Unavailable
from api.http.rate_limit import (
    CREATE,
    PUBLIC,
    SIGN_UP,
    SIGNED,
    USER,
    RateLimiter,
    RateLimiterDownError,
    RateLimitPolicy,
    subject_of_address,
)
from api.http.state import AppState
from api.keyring import KEY_PREFIX, Keyring, is_api_key, token_digest
from api.schemas.accounts import Scope as KeyScope
from api.sql import callers
from api.sql.callers import Caller
from api.sql.connection import Database

__all__ = ["AuthenticationMiddleware", "Caller", "requires_scope", "session_only"]

RETRY_AFTER = "2"  # seconds; about the time that Redis takes to restart

CallerLookup = Callable[[Database], Awaitable[Caller | None]]
Connection = ASGIConnection[Any, Any, Any, Any]


class AuthenticationMiddleware:
    """Middleware of /v1: sets `user` in the scope to a Caller or None, and adds rate limit headers to the response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app_state: AppState = scope["litestar_app"].state.app_state
        opt = scope["route_handler"].opt
        caller = None if _is_open(scope, opt) else await _authenticate_request(scope, app_state)
        scope["user"], scope["auth"] = caller, None
        subject = caller.user_id if caller else _address_subject(scope)
        headers = await _charge_request(app_state.limiter, subject, _select_policies(opt, caller))
        await self.app(scope, receive, _send_with_headers(headers, send))


def _is_open(scope: Scope, opt: Mapping[str, Any]) -> bool:
    """Whether no bearer token is needed: for a public route, an OPTIONS request or a signed URL."""
    if opt.get("exclude_from_auth") or scope.get("method") == "OPTIONS":
        return True
    return bool(opt.get("signature")) and b"signature=" in scope["query_string"] and not _authorization_header(scope)


# -- identity ----------------------------------------------------------------------------------------------------


async def _authenticate_request(scope: Scope, app_state: AppState) -> Caller:
    """The caller of the bearer token. A rejected one counts against the address, which limits guessing."""
    authorization = _authorization_header(scope)
    try:
        return await _find_caller(_parse_bearer(authorization), app_state)
    except Unauthorized as problem:
        if authorization:
            problem.headers["WWW-Authenticate"] += ', error="invalid_token"'
        problem.headers |= await _charge_request(app_state.limiter, _address_subject(scope), (PUBLIC,))
        raise


async def _find_caller(credential: str, app_state: AppState) -> Caller:
    """Find the caller in one statement. Raises Unauthorized, and Forbidden for a suspended account."""
    find, refusal = _caller_lookup(credential, app_state.keyring)
    async with app_state.pool.acquire() as db:
        caller = await find(db)
        if caller is None:
            raise Unauthorized(refusal)
        if caller.suspended:
            raise Forbidden("This account is suspended. Contact the operator of this server.")
        if caller.stale:
            await callers.record_use(db, caller)
    return caller


def _caller_lookup(credential: str, keyring: Keyring) -> tuple[CallerLookup, str]:
    """The query that finds the caller, and the detail of the error if there is none. Raises Unauthorized."""
    if not credential.startswith(KEY_PREFIX):
        claims = keyring.verify_access_token(credential)
        find: CallerLookup = partial(callers.find_by_session, session_id=claims.session_id, user_id=claims.user_id)
        return find, "This session has ended. Sign in again with POST /v1/auth/login."
    if not is_api_key(credential):
        raise Unauthorized("This API key is incomplete or mistyped. Send it exactly as it was shown.")
    find = partial(callers.find_by_api_key, hash=token_digest(credential))
    return find, "This API key has been deleted. Create another one with POST /v1/api_keys."


def _authorization_header(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), "")


def _parse_bearer(authorization: str) -> str:
    kind, _, credential = authorization.partition(" ")
    if kind.lower() != "bearer" or not credential.strip():
        raise Unauthorized(
            "Send `Authorization: Bearer …` with an access token from POST /v1/auth/login or an API key."
        )
    return credential.strip()


def _address_subject(scope: Scope) -> str:
    client = scope["client"]
    return subject_of_address(client[0] if client else None)


# -- rate limits ----------------------------------------------------------------------------------------------


def _select_policies(opt: Mapping[str, Any], caller: Caller | None) -> tuple[RateLimitPolicy, ...]:
    if opt.get("uncounted"):
        return ()
    if caller is not None:
        return (USER, CREATE) if opt.get("creates") else (USER,)
    if opt.get("signature"):
        return (SIGNED,)
    return (PUBLIC, SIGN_UP) if opt.get("signs_up") else (PUBLIC,)


async def _charge_request(limiter: RateLimiter, subject: str, policies: tuple[RateLimitPolicy, ...]) -> dict[str, str]:
    """Charge the policies and return the rate limit headers.

    Raises TooManyRequests, and Unavailable for a creation while Redis is down.
    """
    try:
        verdict = await limiter.take(subject, policies)
    except RateLimiterDownError as error:
        if CREATE not in policies:
            return {}
        raise Unavailable(
            "Nothing can be created at the moment, and nothing was charged. Try again soon.",
            headers={"Retry-After": RETRY_AFTER},
        ) from error
    if verdict.wait:
        seconds = verdict.headers["Retry-After"]
        raise TooManyRequests(f"Too many requests. Try again in {seconds} s.", headers=verdict.headers)
    return verdict.headers


def _send_with_headers(headers: dict[str, str], send: Send) -> Send:
    """Wrap `send` to add these headers to the response, also to a problem."""
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *pairs]
        await send(message)

    return send_with_headers if pairs else send


# -- scopes ---------------------------------------------------------------------------------


def requires_scope(scope: KeyScope) -> Guard:
    """A guard that requires the scope of API keys. A session has every scope; the route verifies signed URLs."""

    async def check_scope(connection: Connection, _: BaseRouteHandler) -> None:
        caller: Caller | None = connection.user
        if caller and caller.scopes is not None and scope not in caller.scopes:
            has = ", ".join(caller.scopes)
            raise MissingScope(
                f"This requires the scope `{scope}`; the API key has {has}. Create a key with that scope."
            )

    return check_scope


async def session_only(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard that refuses API keys, so that a leaked one cannot create keys or end sessions."""
    if connection.user.session_id is None:
        raise MissingScope("An API key cannot do this. Use an access token from POST /v1/auth/login.")
