"""API keys act for their owner, within their scopes, until they are deleted."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest

from api import keyring
from tests.support.users import Person, sign_up


async def post_api_key(
    client: httpx.AsyncClient, person: Person, *, idempotency_key: str = "", **form: Any
) -> httpx.Response:
    headers = {**person.headers, **({"Idempotency-Key": idempotency_key} if idempotency_key else {})}
    return await client.post("/v1/api_keys", json={"name": "a script", **form}, headers=headers)


async def create_api_key(client: httpx.AsyncClient, person: Person, **form: Any) -> dict[str, Any]:
    answer = await post_api_key(client, person, **form)
    assert answer.status_code == 201
    body: dict[str, Any] = answer.json()
    return body


def bearer_header(key: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}"}


async def test_a_key_acts_for_its_owner(client: httpx.AsyncClient, account: Person) -> None:
    key = await create_api_key(client, account)
    assert keyring.is_api_key(key["key"])
    assert (key["object"], key["name"], key["hint"]) == ("api_key", "a script", key["key"][-4:])
    assert (await client.get("/v1/me", headers=bearer_header(key))).json()["id"] == account.id
    assert (await client.get("/v1/videos", headers=bearer_header(key))).status_code == 200


async def test_a_key_is_returned_once_and_stored_as_a_hash(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    key = await create_api_key(client, account)
    listed = (await client.get("/v1/api_keys", headers=account.headers)).json()["data"]
    assert listed == [{name: value for name, value in key.items() if name != "key"}]
    kept = await connection.fetchval("SELECT api_keys::text FROM api_keys")
    assert key["key"] not in kept
    assert keyring.token_digest(key["key"]).hex() in kept


async def test_using_a_key_updates_used_at(client: httpx.AsyncClient, account: Person) -> None:
    key = await create_api_key(client, account)
    assert key["used_at"] is None
    await client.get("/v1/me", headers=bearer_header(key))
    listed = (await client.get("/v1/api_keys", headers=account.headers)).json()["data"]
    assert listed[0]["used_at"] >= key["created_at"]


async def test_a_deleted_key_is_refused_at_once(client: httpx.AsyncClient, account: Person) -> None:
    key = await create_api_key(client, account)
    there = f"/v1/api_keys/{key['id']}"
    answer = await client.delete(there, headers=account.headers)
    assert answer.json() == {"id": key["id"], "object": "api_key.deleted", "deleted": True}
    assert (await client.get("/v1/me", headers=bearer_header(key))).status_code == 401
    assert (await client.get("/v1/api_keys", headers=account.headers)).json()["data"] == []
    assert (await client.delete(there, headers=account.headers)).status_code == 404


async def test_a_mistyped_key_is_distinguished_from_a_deleted_one(client: httpx.AsyncClient, account: Person) -> None:
    mistyped = keyring.new_api_key().swapcase().replace("KIN_", "kin_")
    answers = [
        await client.get("/v1/me", headers=bearer_header({"key": key})) for key in (mistyped, keyring.new_api_key())
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert "mistyped" in answers[0].json()["detail"]
    assert "deleted" in answers[1].json()["detail"]


async def test_another_users_key_is_not_found_and_stays_valid(client: httpx.AsyncClient, account: Person) -> None:
    key = await create_api_key(client, account)
    stranger = await sign_up(client)
    answer = await client.delete(f"/v1/api_keys/{key['id']}", headers=stranger.headers)
    assert answer.status_code == 404
    assert (await client.get("/v1/me", headers=bearer_header(key))).status_code == 200
    assert (await client.get("/v1/api_keys", headers=stranger.headers)).json()["data"] == []


async def test_a_suspended_owners_key_is_refused(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    key = await create_api_key(client, account)
    await connection.execute("UPDATE users SET suspended_at = now() WHERE id = $1", account.id)
    assert (await client.get("/v1/me", headers=bearer_header(key))).status_code == 403


async def test_a_key_is_limited_to_its_scopes(client: httpx.AsyncClient, account: Person) -> None:
    key = await create_api_key(client, account, scopes=["videos:read", "videos:read"])
    assert key["scopes"] == ["videos:read"]
    assert (await client.get("/v1/videos", headers=bearer_header(key))).status_code == 200
    refused = [
        await client.get("/v1/me", headers=bearer_header(key)),
        await client.post("/v1/videos", json={"prompt": "a red ball"}, headers=bearer_header(key)),
    ]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert [answer.json()["error"]["code"] for answer in refused] == ["missing_scope"] * 2
    assert "`videos:write`" in refused[1].json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/api_keys"),
        ("GET", "/v1/api_keys"),
        ("DELETE", "/v1/api_keys/key_0"),
        ("POST", "/v1/auth/logout"),
        ("GET", "/v1/auth/sessions"),
        ("DELETE", "/v1/auth/sessions/session_0"),
    ],
)
async def test_keys_cannot_manage_keys_or_sessions(
    client: httpx.AsyncClient, account: Person, method: str, path: str
) -> None:
    key = await create_api_key(client, account, scopes=["account:read", "account:write"])
    answer = await client.request(method, path, headers=bearer_header(key))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "missing_scope")


@pytest.mark.parametrize(
    ("form", "param"),
    [({"name": ""}, "name"), ({"scopes": []}, "scopes"), ({"scopes": ["everything"]}, "scopes.0")],
)
async def test_an_invalid_key_request_names_the_field(
    client: httpx.AsyncClient, account: Person, form: dict[str, Any], param: str
) -> None:
    answer = await post_api_key(client, account, **form)
    assert (answer.status_code, answer.json()["param"]) == (422, param)


async def test_a_repeated_request_creates_one_key_and_hides_its_secret(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    first, again = [await post_api_key(client, account, idempotency_key="k1") for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == {**first.json(), "key": None}
    assert await connection.fetchval("SELECT count(*) FROM api_keys WHERE user_id = $1", account.id) == 1
    kept = await connection.fetchval("SELECT convert_from(body, 'UTF8') FROM idempotency")
    assert first.json()["key"] not in kept


async def test_an_idempotency_key_is_for_one_request_of_one_user(client: httpx.AsyncClient, account: Person) -> None:
    await post_api_key(client, account, idempotency_key="k1")
    answer = await post_api_key(client, account, idempotency_key="k1", name="another script")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    stranger = await sign_up(client)
    assert (await post_api_key(client, stranger, idempotency_key="k1")).json()["key"] is not None


async def test_keys_are_paginated(client: httpx.AsyncClient, account: Person) -> None:
    ids = [(await create_api_key(client, account))["id"] for _ in range(3)]
    first = await client.get("/v1/api_keys", params={"limit": 2}, headers=account.headers)
    rest = await client.get(
        "/v1/api_keys", params={"limit": 2, "after": first.json()["last_id"]}, headers=account.headers
    )
    seen = [row["id"] for row in first.json()["data"] + rest.json()["data"]]
    assert seen == ids[::-1]
