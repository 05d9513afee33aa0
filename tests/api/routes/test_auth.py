"""Signing up, signing in and the profile, over HTTP."""

from __future__ import annotations

import unicodedata
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from argon2 import PasswordHasher
from litestar import Litestar

from api.accounts.passwords import HASHER
from api.accounts.sessions import Accounts
from api.http.state import AppState
from tests.support.auth import bearer_header, get_me
from tests.support.users import Person, sign_up


async def test_signing_up_opens_a_session(client: httpx.AsyncClient) -> None:
    form = {"email": "Ada@Example.org", "password": "correct horse", "name": "Ada", "locale": "fr"}
    answer = await client.post("/v1/auth/signup", json=form)
    body = answer.json()
    assert answer.status_code == 201
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert answer.headers["Cache-Control"] == "no-store"
    user = (await get_me(client, bearer_header(body["access_token"]))).json()
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
async def test_signing_up_grants_the_first_allowance(
    client: httpx.AsyncClient, app: Litestar, app_state: AppState, host: str, credits: int
) -> None:
    settings = msgspec.structs.replace(app_state.settings, host=host)
    app.state.app_state = app_state._replace(
        accounts=Accounts(app_state.pool, app_state.keyring, app_state.credits, settings)
    )
    person = await sign_up(client)
    balance = await client.get("/v1/billing/balance", headers=person.headers)
    assert balance.json()["available"] == credits


async def test_a_taken_address_is_refused(client: httpx.AsyncClient, account: Person) -> None:
    form = {"email": account.email.upper(), "password": "another password"}
    answer = await client.post("/v1/auth/signup", json=form)
    assert answer.status_code == 409
    assert (answer.json()["error"]["code"], answer.json()["param"]) == ("email_taken", "email")


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
async def test_an_invalid_sign_up_names_the_field(client: httpx.AsyncClient, form: dict[str, str], param: str) -> None:
    answer = await client.post("/v1/auth/signup", json=form)
    assert (answer.status_code, answer.json()["param"]) == (422, param)


async def test_logging_in_opens_another_session(client: httpx.AsyncClient, account: Person) -> None:
    form = {"email": account.email.title(), "password": account.password}
    answer = await client.post("/v1/auth/login", json=form)
    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == account.id
    assert (await get_me(client, account.headers)).status_code == 200


async def test_a_wrong_password_and_an_unknown_address_give_the_same_response(
    client: httpx.AsyncClient, account: Person
) -> None:
    wrong = await client.post("/v1/auth/login", json={"email": account.email, "password": "wrong"})
    unknown = await client.post("/v1/auth/login", json={"email": "no@example.org", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert {**wrong.json(), "instance": ""} == {**unknown.json(), "instance": ""}


async def test_composed_and_decomposed_passwords_are_equal(client: httpx.AsyncClient) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café crème") for form in ("NFC", "NFD"))
    assert composed != decomposed
    await client.post("/v1/auth/signup", json={"email": "e@example.org", "password": composed})
    answer = await client.post("/v1/auth/login", json={"email": "e@example.org", "password": decomposed})
    assert answer.status_code == 200


async def test_a_hash_of_older_costs_is_renewed_at_log_in(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(account.password)
    await connection.execute("UPDATE users SET password_hash = $2 WHERE id = $1", account.id, old)
    form = {"email": account.email, "password": account.password}
    for _ in range(2):
        assert (await client.post("/v1/auth/login", json=form)).status_code == 200
    new = await connection.fetchval("SELECT password_hash FROM users WHERE id = $1", account.id)
    assert not HASHER.check_needs_rehash(new)


async def test_passwords_and_tokens_are_stored_as_hashes(account: Person, connection: asyncpg.Connection[Any]) -> None:
    kept = await connection.fetch("SELECT u::text FROM users u UNION ALL SELECT t::text FROM refresh_tokens t")
    text = " ".join(row[0] for row in kept)
    assert "$argon2id$" in text
    assert account.password not in text
    assert account.refresh_token not in text


async def test_updating_the_profile_keeps_omitted_fields(client: httpx.AsyncClient, account: Person) -> None:
    await client.patch("/v1/me", json={"name": "Ada"}, headers=account.headers)
    answer = await client.patch("/v1/me", json={"locale": "fr"}, headers=account.headers)
    assert (answer.json()["name"], answer.json()["locale"]) == ("Ada", "fr")
