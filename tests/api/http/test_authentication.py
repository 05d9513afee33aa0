"""Bearer tokens: what is refused, what it costs, which routes need which scope."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from litestar import Litestar

from api.http.state import AppState
from tests.support.auth import age_sessions, bearer_header, get_me, refresh_tokens
from tests.support.users import Person, sign_up


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}],
    ids=["none", "empty", "basic", "no token"],
)
async def test_a_request_without_a_bearer_token_is_told_how_to_authenticate(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await get_me(client, headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="kinora"')
    assert "POST /v1/auth/login" in answer.json()["detail"]


@pytest.mark.parametrize("token", ["x", "a.b.c", "kin_", "kin_" + "0" * 36, "é"])
async def test_an_unknown_bearer_token_is_refused(client: httpx.AsyncClient, token: str) -> None:
    answer = await client.get("/v1/me", headers={b"Authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="kinora", error="invalid_token"'
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_session_of_another_user_is_refused(
    client: httpx.AsyncClient, account: Person, app_state: AppState
) -> None:
    theirs = app_state.keyring.verify_access_token(account.headers["Authorization"].removeprefix("Bearer "))
    other = await sign_up(client)
    forged = app_state.keyring.issue_access_token(other.id, theirs.session_id)
    assert (await get_me(client, bearer_header(forged))).status_code == 401


async def test_a_suspended_account_is_refused_at_once(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute("UPDATE users SET suspended_at = now() WHERE id = $1", account.id)
    form = {"email": account.email, "password": account.password}
    answers = [
        await get_me(client, account.headers),
        await client.post("/v1/auth/login", json=form),
        await refresh_tokens(client, account.refresh_token),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_authentication_costs_one_statement_and_once_a_minute_a_second(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    counts = []
    for seconds in (0, 61, 0):
        await age_sessions(connection, seconds)
        statements: list[Any] = []
        with connection.query_logger(statements.append):
            assert (await client.get("/v1/models", headers=account.headers)).status_code == 200
            await asyncio.sleep(0)  # asyncpg calls its loggers in the loop's next turn
        counts.append(len(statements))
    assert counts == [1, 2, 1]


def test_every_route_declares_its_scope(app: Litestar) -> None:
    handlers = {
        handler
        for route in app.routes
        if route.path.startswith("/v1")
        for handler in getattr(route, "route_handlers", [])
        if handler.operation_id and not handler.opt.get("exclude_from_auth")
    }
    unguarded = {
        handler.operation_id
        for handler in handlers
        if not any(guard.__module__ == "api.http.authentication" for guard in handler.resolve_guards())
    }
    assert handlers
    assert unguarded == set()
