"""Refresh tokens and sessions over HTTP: rotated, reused, listed, ended."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest
from litestar import Litestar

from api import keyring
from api.accounts.sessions import SESSION_LIFETIME, Accounts
from api.http.state import AppState
from api.keyring import Keyring
from api.sql import maintenance
from tests.support.auth import age_sessions, bearer_header, get_me, refresh_tokens
from tests.support.users import Person, sign_up


async def test_each_refresh_token_works_once(client: httpx.AsyncClient, account: Person) -> None:
    token = account.refresh_token
    for _ in range(3):
        answer = await refresh_tokens(client, token)
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != token
        assert (await get_me(client, bearer_header(answer.json()["access_token"]))).json()["id"] == account.id
        token = answer.json()["refresh_token"]


async def test_a_lost_response_is_repeated_within_the_grace_period(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    first = await refresh_tokens(client, account.refresh_token)
    await age_sessions(connection, 29)
    again = await refresh_tokens(client, account.refresh_token)
    assert again.status_code == 200
    assert again.json()["refresh_token"] == first.json()["refresh_token"]


async def test_a_lost_response_is_repeated_after_the_secret_changed(
    client: httpx.AsyncClient, app: Litestar, app_state: AppState, account: Person
) -> None:
    first = await refresh_tokens(client, account.refresh_token)
    changed = Keyring("another secret for tests, of no value", app_state.settings.secret)
    app.state.app_state = app_state._replace(
        accounts=Accounts(app_state.pool, changed, app_state.credits, app_state.settings)
    )
    again = await refresh_tokens(client, account.refresh_token)
    assert again.json()["refresh_token"] == first.json()["refresh_token"]


async def _is_session_ended(client: httpx.AsyncClient, pair: dict[str, Any]) -> bool:
    access = await get_me(client, bearer_header(pair["access_token"]))
    refresh = await refresh_tokens(client, pair["refresh_token"])
    return (access.status_code, refresh.status_code) == (401, 401)


async def test_a_token_reused_after_the_grace_period_ends_its_session(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    newest = (await refresh_tokens(client, account.refresh_token)).json()
    await age_sessions(connection, 31)
    assert (await refresh_tokens(client, account.refresh_token)).status_code == 401
    assert await _is_session_ended(client, newest)


async def test_a_token_reused_after_its_successor_ends_its_session(client: httpx.AsyncClient, account: Person) -> None:
    second = (await refresh_tokens(client, account.refresh_token)).json()
    newest = (await refresh_tokens(client, second["refresh_token"])).json()
    assert (await refresh_tokens(client, account.refresh_token)).status_code == 401
    assert await _is_session_ended(client, newest)


async def test_a_reused_token_leaves_other_sessions_open(client: httpx.AsyncClient, account: Person) -> None:
    form = {"email": account.email, "password": account.password}
    other = (await client.post("/v1/auth/login", json=form)).json()
    second = (await refresh_tokens(client, account.refresh_token)).json()
    await refresh_tokens(client, second["refresh_token"])
    await refresh_tokens(client, account.refresh_token)
    assert (await refresh_tokens(client, other["refresh_token"])).status_code == 200


async def test_refreshing_does_not_prolong_a_session(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    newest = (await refresh_tokens(client, account.refresh_token)).json()
    await age_sessions(connection, SESSION_LIFETIME.total_seconds())
    assert await _is_session_ended(client, newest)


async def test_used_tokens_are_deleted_after_a_month(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    newest = (await refresh_tokens(client, account.refresh_token)).json()
    await age_sessions(connection, 31 * 24 * 3600)
    await maintenance.delete_outdated_rows(connection)
    assert (await refresh_tokens(client, account.refresh_token)).status_code == 401
    assert (await refresh_tokens(client, newest["refresh_token"])).status_code == 200


async def test_an_unknown_refresh_token_is_refused(client: httpx.AsyncClient) -> None:
    assert (await refresh_tokens(client, keyring.new_refresh_token())).status_code == 401


async def test_logging_out_invalidates_both_tokens(client: httpx.AsyncClient, account: Person) -> None:
    answer = await client.post("/v1/auth/logout", headers=account.headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await get_me(client, account.headers)).status_code == 401
    assert (await refresh_tokens(client, account.refresh_token)).status_code == 401


async def test_sessions_are_listed_and_ended(client: httpx.AsyncClient, account: Person) -> None:
    form = {"email": account.email, "password": account.password}
    phone = await client.post("/v1/auth/login", json=form, headers={"User-Agent": "Phone/1"})
    listed = (await client.get("/v1/auth/sessions", headers=account.headers)).json()
    assert listed["data"][0]["user_agent"] == "Phone/1"
    assert [row["current"] for row in listed["data"]] == [False, True]
    there = f"/v1/auth/sessions/{listed['data'][0]['id']}"
    assert (await client.delete(there, headers=account.headers)).json() == {
        "id": listed["data"][0]["id"],
        "object": "session.deleted",
        "deleted": True,
    }
    assert (await get_me(client, bearer_header(phone.json()["access_token"]))).status_code == 401
    assert (await client.delete(there, headers=account.headers)).status_code == 404


async def test_sessions_are_paginated(client: httpx.AsyncClient, account: Person) -> None:
    form = {"email": account.email, "password": account.password}
    for _ in range(2):
        await client.post("/v1/auth/login", json=form)
    query: dict[str, Any] = {"limit": 2, "order": "asc"}
    first = (await client.get("/v1/auth/sessions", params=query, headers=account.headers)).json()
    rest = await client.get("/v1/auth/sessions", params={**query, "after": first["last_id"]}, headers=account.headers)
    seen = [row["id"] for row in first["data"] + rest.json()["data"]]
    assert (first["has_more"], rest.json()["has_more"]) == (True, False)
    assert len(seen) == 3
    assert seen == sorted(seen)


@pytest.mark.parametrize("session_id", ["session_01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "session_%00"])
async def test_an_unknown_session_is_not_found(client: httpx.AsyncClient, account: Person, session_id: str) -> None:
    answer = await client.delete(f"/v1/auth/sessions/{session_id}", headers=account.headers)
    assert answer.status_code == 404


async def test_another_users_session_is_not_found_and_stays_open(
    client: httpx.AsyncClient, account: Person, app_state: AppState
) -> None:
    session_id = app_state.keyring.verify_access_token(account.headers["Authorization"][7:]).session_id
    stranger = await sign_up(client)
    answer = await client.delete(f"/v1/auth/sessions/{session_id}", headers=stranger.headers)
    assert answer.status_code == 404
    assert (await get_me(client, account.headers)).status_code == 200
