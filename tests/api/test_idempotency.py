"""Repeated requests with an Idempotency-Key."""

from __future__ import annotations

import httpx
from litestar import Litestar

from tests.support.users import Person, sign_up
from tests.support.video_requests import PROMPT, available, create, fill_disk


async def test_a_key_replays_across_encodings(client: httpx.AsyncClient, account: Person) -> None:
    key = {"Idempotency-Key": "first try"}
    first = await create(client, account, key, seconds=5)
    again = await create(client, account, key, seconds=5)
    form = {"prompt": PROMPT, "seconds": "5"}
    as_form = await client.post("/v1/videos", data=form, headers=account.headers | key)
    parts = {name: (None, value) for name, value in form.items()}
    as_parts = await client.post("/v1/videos", files=parts, headers=account.headers | key)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content == as_form.content == as_parts.content
    assert again.headers["location"] == first.headers["location"]
    other = await create(client, account, key, seconds=6)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    stranger = await sign_up(client)
    assert (await create(client, stranger, key, seconds=5)).json()["id"] != first.json()["id"]
    assert await available(client, account) == 290


async def test_a_key_belongs_to_one_request_whatever_it_is(client: httpx.AsyncClient, account: Person) -> None:
    first, second = [(await create(client, account)).json()["id"] for _ in range(2)]
    keyed = account.headers | {"Idempotency-Key": "stop"}
    for _ in range(2):
        answer = await client.post(f"/v1/videos/{first}/cancel", headers=keyed)
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    refused = await client.post(f"/v1/videos/{second}/cancel", headers=keyed)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "idempotency_key_reused")
    long = account.headers | {"Idempotency-Key": "x" * 256}
    for path in (f"{second}/cancel", "estimate"):
        answer = await client.post(f"/v1/videos/{path}", json={"prompt": PROMPT}, headers=long)
        assert (answer.status_code, answer.json()["param"]) == (422, "Idempotency-Key")


async def test_a_repeated_create_is_answered_even_when_its_video_is_gone_or_the_disk_is_full(
    client: httpx.AsyncClient, account: Person, app: Litestar
) -> None:
    key = {"Idempotency-Key": "k", "Prefer": "wait=1"}
    first = await create(client, account, {"Idempotency-Key": "k"})
    await client.delete(first.headers["location"], headers=account.headers)
    fill_disk(app)
    again = await create(client, account, key)
    assert (again.status_code, again.content) == (200, first.content)


async def test_keys_have_a_shape(client: httpx.AsyncClient, account: Person) -> None:
    for key in ("x" * 256, "", "caf\xe9"):
        headers = {
            b"Authorization": account.headers["Authorization"].encode(),
            b"Idempotency-Key": key.encode("latin-1"),
        }
        answer = await client.post("/v1/videos", json={"prompt": PROMPT}, headers=headers)
        assert (answer.status_code, answer.json()["param"]) == (422, "Idempotency-Key")
