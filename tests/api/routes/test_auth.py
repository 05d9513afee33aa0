"""Signing up and in, sessions that end when they should, and the limits every request meets."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from argon2 import PasswordHasher
from litestar import Litestar
from redis.asyncio import Redis

from api import keyring
from api.accounts.passwords import HASHER
from api.accounts.sessions import SESSION_LIFETIME, Accounts
from api.http.rate_limit import Limiter
from api.http.state import AppState
from api.keyring import Keyring
from api.schemas.accounts import SignUp
from api.sql import maintenance
from tests.support.users import Person, sign_up


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def refreshed(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v1/auth/refresh", json={"refresh_token": token})


async def me(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await client.get("/v1/me", headers=headers)


async def age(connection: asyncpg.Connection[Any], seconds: float) -> None:
    """Let time pass for refresh tokens and sessions: inside a rolled-back test `now()` stands still."""
    await connection.execute("UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $1)", seconds)
    await connection.execute(
        "UPDATE sessions SET used_at = used_at - make_interval(secs => $1),"
        " expires_at = expires_at - make_interval(secs => $1)",
        seconds,
    )


# -- signing up and in --------------------------------------------------------------------------------------


async def test_signing_up_signs_in(client: httpx.AsyncClient) -> None:
    form = {"email": "Ada@Example.org", "password": "correct horse", "name": "Ada", "locale": "fr"}
    answer = await client.post("/v1/auth/signup", json=form)
    body = answer.json()
    assert answer.status_code == 201
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert answer.headers["Cache-Control"] == "no-store"
    user = (await me(client, bearer(body["access_token"]))).json()
    assert user == body["user"]
    shown = {name: user[name] for name in ("object", "email", "email_verified", "name", "locale", "plan")}
    assert shown == {
        "object": "user",
        "email": "ada@example.org",
        "email_verified": False,
        "name": "Ada",
        "locale": "fr",
        "plan": "free",
    }


@pytest.mark.parametrize(("host", "credits"), [("127.0.0.1", 300), ("0.0.0.0", 30)])  # noqa: S104
async def test_the_first_allowance_is_there_at_once(
    client: httpx.AsyncClient, app: Litestar, app_state: AppState, host: str, credits: int
) -> None:
    settings = msgspec.structs.replace(app_state.settings, host=host)
    app.state.app_state = app_state._replace(
        accounts=Accounts(app_state.pool, app_state.keyring, app_state.credits, settings)
    )
    person = await sign_up(client)
    balance = await client.get("/v1/billing/balance", headers=person.headers)
    assert balance.json()["available"] == credits


async def test_an_address_has_one_account(client: httpx.AsyncClient, account: Person) -> None:
    form = {"email": account.email.upper(), "password": "another password"}
    answer = await client.post("/v1/auth/signup", json=form)
    assert answer.status_code == 409
    assert (answer.json()["error"]["code"], answer.json()["param"]) == ("email_taken", "email")


async def test_two_at_once_make_one_account(real: AppState) -> None:
    form = SignUp(email="a@example.org", password="long enough")
    answers = await asyncio.gather(*(real.accounts.sign_up(form, "") for _ in range(4)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["EmailTaken"] * 3 + ["Tokens"]


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"email": "nobody", "password": "long enough"}, "email"),
        ({"email": "a@example.org", "password": "short"}, "password"),
        ({"email": "a@example.org"}, "password"),
        ({"email": "a@example.org", "password": "long enough", "locale": "tlh"}, "locale"),
        ({"email": "a@example.org", "password": "long enough", "plan": "pro"}, "plan"),
    ],
)
async def test_a_form_that_does_not_fit_names_the_field(
    client: httpx.AsyncClient, form: dict[str, str], param: str
) -> None:
    answer = await client.post("/v1/auth/signup", json=form)
    assert (answer.status_code, answer.json()["param"]) == (422, param)


async def test_logging_in_opens_another_session(client: httpx.AsyncClient, account: Person) -> None:
    form = {"email": account.email.title(), "password": account.password}
    answer = await client.post("/v1/auth/login", json=form)
    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == account.id
    assert (await me(client, account.headers)).status_code == 200


async def test_a_wrong_password_and_an_unknown_address_look_alike(client: httpx.AsyncClient, account: Person) -> None:
    wrong = await client.post("/v1/auth/login", json={"email": account.email, "password": "wrong"})
    unknown = await client.post("/v1/auth/login", json={"email": "no@example.org", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert {**wrong.json(), "instance": ""} == {**unknown.json(), "instance": ""}


async def test_one_password_typed_on_two_keyboards_is_one(client: httpx.AsyncClient) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café crème") for form in ("NFC", "NFD"))
    assert composed != decomposed
    await client.post("/v1/auth/signup", json={"email": "e@example.org", "password": composed})
    answer = await client.post("/v1/auth/login", json={"email": "e@example.org", "password": decomposed})
    assert answer.status_code == 200


async def test_a_hash_of_older_settings_is_renewed_at_log_in(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(account.password)
    await connection.execute("UPDATE users SET password_hash = $2 WHERE id = $1", account.id, old)
    form = {"email": account.email, "password": account.password}
    for _ in range(2):
        assert (await client.post("/v1/auth/login", json=form)).status_code == 200
    new = await connection.fetchval("SELECT password_hash FROM users WHERE id = $1", account.id)
    assert not HASHER.check_needs_rehash(new)


async def test_no_password_and_no_token_is_kept(account: Person, connection: asyncpg.Connection[Any]) -> None:
    kept = await connection.fetch("SELECT u::text FROM users u UNION ALL SELECT t::text FROM refresh_tokens t")
    text = " ".join(row[0] for row in kept)
    assert "$argon2id$" in text
    assert account.password not in text
    assert account.refresh_token not in text


async def test_changing_the_profile_leaves_out_what_is_left_out(client: httpx.AsyncClient, account: Person) -> None:
    await client.patch("/v1/me", json={"name": "Ada"}, headers=account.headers)
    answer = await client.patch("/v1/me", json={"locale": "fr"}, headers=account.headers)
    assert (answer.json()["name"], answer.json()["locale"]) == ("Ada", "fr")


# -- the bearer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}],
    ids=["none", "empty", "basic", "no token"],
)
async def test_without_a_bearer_the_answer_says_how(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await me(client, headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="kinora"')
    assert "POST /v1/auth/login" in answer.json()["detail"]


@pytest.mark.parametrize("token", ["x", "a.b.c", "kin_", "kin_" + "0" * 36, "é"])
async def test_a_bearer_of_nobody_is_refused(client: httpx.AsyncClient, token: str) -> None:
    answer = await client.get("/v1/me", headers={b"Authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="kinora", error="invalid_token"'
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_somebody_elses_session_under_ones_own_name_is_refused(
    client: httpx.AsyncClient, account: Person, app_state: AppState
) -> None:
    theirs = app_state.keyring.read_access(account.headers["Authorization"].removeprefix("Bearer "))
    other = await sign_up(client)
    forged = app_state.keyring.access_token(other.id, theirs.session_id)
    assert (await me(client, bearer(forged))).status_code == 401


async def test_a_suspended_account_is_shut_at_once_everywhere(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute("UPDATE users SET suspended_at = now() WHERE id = $1", account.id)
    form = {"email": account.email, "password": account.password}
    answers = [
        await me(client, account.headers),
        await client.post("/v1/auth/login", json=form),
        await refreshed(client, account.refresh_token),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_a_request_costs_one_statement_and_once_a_minute_a_second(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    counts = []
    for seconds in (0, 61, 0):
        await age(connection, seconds)
        statements: list[Any] = []
        with connection.query_logger(statements.append):
            assert (await client.get("/v1/models", headers=account.headers)).status_code == 200
            await asyncio.sleep(0)  # asyncpg calls its loggers in the loop's next turn
        counts.append(len(statements))
    assert counts == [1, 2, 1]


def test_every_route_says_what_an_api_key_needs_for_it(app: Litestar) -> None:
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


# -- refreshing ---------------------------------------------------------------------------------------------


async def test_a_refresh_token_works_once_and_the_next_one_too(client: httpx.AsyncClient, account: Person) -> None:
    token = account.refresh_token
    for _ in range(3):
        answer = await refreshed(client, token)
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != token
        assert (await me(client, bearer(answer.json()["access_token"]))).json()["id"] == account.id
        token = answer.json()["refresh_token"]


async def test_a_lost_answer_is_given_again_for_half_a_minute(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    first = await refreshed(client, account.refresh_token)
    await age(connection, 29)
    again = await refreshed(client, account.refresh_token)
    assert again.status_code == 200
    assert again.json()["refresh_token"] == first.json()["refresh_token"]


async def test_a_lost_answer_is_given_again_though_the_secret_changed(
    client: httpx.AsyncClient, app: Litestar, app_state: AppState, account: Person
) -> None:
    first = await refreshed(client, account.refresh_token)
    changed = Keyring("another secret for tests, of no value", app_state.settings.secret)
    app.state.app_state = app_state._replace(
        accounts=Accounts(app_state.pool, changed, app_state.credits, app_state.settings)
    )
    again = await refreshed(client, account.refresh_token)
    assert again.json()["refresh_token"] == first.json()["refresh_token"]


async def _family_is_dead(client: httpx.AsyncClient, pair: dict[str, Any]) -> bool:
    access = await me(client, bearer(pair["access_token"]))
    refresh = await refreshed(client, pair["refresh_token"])
    return (access.status_code, refresh.status_code) == (401, 401)


async def test_a_token_reused_after_the_grace_ends_its_family(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    newest = (await refreshed(client, account.refresh_token)).json()
    await age(connection, 31)
    assert (await refreshed(client, account.refresh_token)).status_code == 401
    assert await _family_is_dead(client, newest)


async def test_a_token_reused_after_its_successor_ends_its_family(client: httpx.AsyncClient, account: Person) -> None:
    second = (await refreshed(client, account.refresh_token)).json()
    newest = (await refreshed(client, second["refresh_token"])).json()
    assert (await refreshed(client, account.refresh_token)).status_code == 401
    assert await _family_is_dead(client, newest)


async def test_another_devices_family_lives_on(client: httpx.AsyncClient, account: Person) -> None:
    form = {"email": account.email, "password": account.password}
    other = (await client.post("/v1/auth/login", json=form)).json()
    second = (await refreshed(client, account.refresh_token)).json()
    await refreshed(client, second["refresh_token"])
    await refreshed(client, account.refresh_token)
    assert (await refreshed(client, other["refresh_token"])).status_code == 200


async def test_a_session_has_an_end_that_refreshing_does_not_move(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    newest = (await refreshed(client, account.refresh_token)).json()
    await age(connection, SESSION_LIFETIME.total_seconds())
    assert await _family_is_dead(client, newest)


async def test_spent_tokens_are_forgotten_after_a_month_and_the_session_goes_on(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    newest = (await refreshed(client, account.refresh_token)).json()
    await age(connection, 31 * 24 * 3600)
    await maintenance.forget(connection)
    assert (await refreshed(client, account.refresh_token)).status_code == 401
    assert (await refreshed(client, newest["refresh_token"])).status_code == 200


async def test_a_refresh_token_nobody_was_given_is_refused(client: httpx.AsyncClient) -> None:
    assert (await refreshed(client, keyring.new_refresh_token())).status_code == 401


async def test_refreshing_many_times_at_once_gives_one_successor(real: AppState) -> None:
    signed_up = await real.accounts.sign_up(SignUp(email="a@example.org", password="long enough"), "")
    answers = await asyncio.gather(*(real.accounts.refresh_tokens(signed_up.refresh_token) for _ in range(12)))
    assert len({answer.refresh_token for answer in answers}) == 1


# -- sessions -----------------------------------------------------------------------------------------------


async def test_logging_out_ends_both_tokens(client: httpx.AsyncClient, account: Person) -> None:
    answer = await client.post("/v1/auth/logout", headers=account.headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await me(client, account.headers)).status_code == 401
    assert (await refreshed(client, account.refresh_token)).status_code == 401


async def test_devices_are_listed_and_signed_out(client: httpx.AsyncClient, account: Person) -> None:
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
    assert (await me(client, bearer(phone.json()["access_token"]))).status_code == 401
    assert (await client.delete(there, headers=account.headers)).status_code == 404


async def test_sessions_come_in_pages(client: httpx.AsyncClient, account: Person) -> None:
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
async def test_a_session_that_is_not_there_is_404(client: httpx.AsyncClient, account: Person, session_id: str) -> None:
    answer = await client.delete(f"/v1/auth/sessions/{session_id}", headers=account.headers)
    assert answer.status_code == 404


async def test_somebody_elses_session_is_404_and_stays(
    client: httpx.AsyncClient, account: Person, app_state: AppState
) -> None:
    session_id = app_state.keyring.read_access(account.headers["Authorization"][7:]).session_id
    stranger = await sign_up(client)
    answer = await client.delete(f"/v1/auth/sessions/{session_id}", headers=stranger.headers)
    assert answer.status_code == 404
    assert (await me(client, account.headers)).status_code == 200


# -- limits -------------------------------------------------------------------------------------------------


@pytest.fixture
def limited(client: httpx.AsyncClient, app: Litestar, app_state: AppState) -> httpx.AsyncClient:
    """The client of an application that counts."""
    app.state.app_state = app_state._replace(limiter=Limiter(app_state.redis))
    return client


async def exhaust(redis: Redis, subject: str, policy: str) -> None:
    """Leave nothing of a policy to a subject for the next hour."""
    await redis.set(f"limit:{{{subject}}}:{policy}", int((time.time() + 3600) * 1_000_000))


async def test_every_answer_says_what_is_left(limited: httpx.AsyncClient, account: Person) -> None:
    answers = [
        await me(limited, account.headers),
        await limited.patch("/v1/me", content=b"{", headers=account.headers),
        await limited.get("/v1/videos/video_0", headers=account.headers),
    ]
    assert [answer.status_code for answer in answers] == [200, 415, 404]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"user";q=200;w=4'}
    assert all(answer.headers["RateLimit"].startswith('"user";r=19') for answer in answers)


async def test_public_routes_and_wrong_bearers_are_counted_for_the_address(limited: httpx.AsyncClient) -> None:
    answers = [await refreshed(limited, "x"), await me(limited, bearer("x"))]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"public";q=50;w=10'}


async def test_too_many_requests_say_when_to_come_back(
    limited: httpx.AsyncClient, account: Person, redis: Redis
) -> None:
    await exhaust(redis, account.id, "user")
    answer = await me(limited, account.headers)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limited"
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    assert answer.headers["RateLimit"].startswith('"user";r=')


async def test_guessing_bearers_has_a_limit(limited: httpx.AsyncClient, redis: Redis) -> None:
    await exhaust(redis, "127.0.0.1", "public")
    assert (await me(limited, bearer("x"))).status_code == 429


async def test_signing_up_has_a_limit_of_its_own(limited: httpx.AsyncClient, redis: Redis) -> None:
    await exhaust(redis, "127.0.0.1", "signup")
    form = {"email": "a@example.org", "password": "long enough"}
    assert (await limited.post("/v1/auth/signup", json=form)).status_code == 429
    assert (await limited.post("/v1/auth/login", json=form)).status_code == 401


async def test_creations_are_counted_twice(limited: httpx.AsyncClient, account: Person, redis: Redis) -> None:
    await exhaust(redis, account.id, "create")
    assert (await limited.post("/v1/videos", json={}, headers=account.headers)).status_code == 429
    assert (await limited.get("/v1/videos", headers=account.headers)).status_code == 200


@pytest.fixture
async def deaf(app: Litestar, client: httpx.AsyncClient, app_state: AppState) -> AsyncIterator[httpx.AsyncClient]:
    """The client of an application whose Redis is gone."""
    async with Redis.from_url("unix:///nowhere/redis.sock") as gone:
        app.state.app_state = app_state._replace(limiter=Limiter(gone))
        yield client


async def test_without_redis_reads_go_on_and_creations_wait(deaf: httpx.AsyncClient, account: Person) -> None:
    read = await me(deaf, account.headers)
    create = await deaf.post("/v1/videos", json={"prompt": "a red ball"}, headers=account.headers)
    assert (read.status_code, "RateLimit" in read.headers) == (200, False)
    assert (create.status_code, create.headers["Retry-After"]) == (503, "2")
