"""Presets: what a style does to a clip, and who may use, change and forget one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.http.state import AppState
from api.schemas import operations
from api.sql import presets
from api.videos import quote
from api.videos.presets import MAX_PRESETS
from api.videos.styles import BUILT_IN
from tests.support.users import Person, sign_up
from tests.support.video_requests import PROMPT, create, png

BRAND = {"name": "Brand", "prompt": "flat colours, thick outlines", "negative_prompt": "shadows"}


async def keep(client: httpx.AsyncClient, account: Person, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/presets", json=BRAND | changes, headers=account.headers)
    preset: dict[str, Any] = answer.raise_for_status().json()
    return preset


async def test_a_built_in_style_stands_in_the_prompt(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    video = (await create(client, account, preset="film_noir", negative_prompt="text")).json()
    style = BUILT_IN["film_noir"]
    assert (video["prompt"], video["preset"]) == (PROMPT, "film_noir")
    assert video["revised_prompt"] == f"{PROMPT}. {style.prompt}"
    assert video["negative_prompt"] == f"text, {style.negative_prompt}"
    claimed_job = await app_state.lifecycle.claim("worker_a")
    assert claimed_job
    assert claimed_job.prompt == video["revised_prompt"]
    plain = (await create(client, account, preset="none")).json()
    assert (plain["revised_prompt"], plain["preset"], plain["negative_prompt"]) == (None, "none", "")


async def test_a_style_reaches_every_card(client: httpx.AsyncClient, app_state: AppState, account: Person) -> None:
    cards = [{"at": 0, "prompt": "a red ball."}, {"at": 2, "prompt": "a blue boat"}]
    await create(client, account, preset="archival", storyboard=cards)
    claimed_job = await app_state.lifecycle.claim("worker_a")
    assert claimed_job
    assert isinstance(claimed_job.operation, operations.Storyboard)
    words = BUILT_IN["archival"].prompt
    assert [card.prompt for card in claimed_job.operation.cards] == [f"a red ball. {words}", f"a blue boat. {words}"]


async def test_a_user_s_own_preset_with_an_image(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    answer = await client.post(
        "/v1/presets", data=BRAND, files={"image": ("a.png", png(), "image/png")}, headers=account.headers
    )
    assert answer.status_code == 201, answer.text
    preset = answer.json()
    assert (preset["own"], preset["built_in"], preset["shared"]) == (True, False, False)
    shown = await client.get(preset["image"], headers=account.headers)
    assert (shown.headers["content-type"], shown.content[:4]) == ("image/png", b"\x89PNG")
    await create(client, account, preset=preset["id"])
    claimed_job = await app_state.lifecycle.claim("worker_a")
    assert claimed_job
    [picture] = (await app_state.lifecycle.load_inputs(claimed_job))[0]
    assert picture.frame == 0
    assert picture.strength == pytest.approx(quote.STYLE_STRENGTH)
    assert app_state.storage.read_file(picture.key) == shown.content
    assert await app_state.lifecycle.complete(claimed_job, [])
    files = {"first_frame": ("b.png", png(colour="red"), "image/png")}
    data = {"prompt": PROMPT, "preset": preset["id"]}
    await client.post("/v1/videos", data=data, files=files, headers=account.headers)
    begun = await app_state.lifecycle.claim("worker_a")
    assert begun
    assert [(each.frame, each.strength) for each in (await app_state.lifecycle.load_inputs(begun))[0]] == [(0, 1.0)]


async def test_the_list_begins_with_what_everybody_has(client: httpx.AsyncClient, account: Person) -> None:
    kept = [(await keep(client, account))["id"] for _ in range(3)]
    first = (await client.get("/v1/presets?limit=2", headers=account.headers)).json()
    assert [each["id"] for each in first["data"]] == [*BUILT_IN, kept[2], kept[1]]
    assert first["has_more"]
    rest = (await client.get(f"/v1/presets?limit=2&after={first['last_id']}", headers=account.headers)).json()
    assert [each["id"] for each in rest["data"]] == [kept[0]]
    noir = (await client.get("/v1/presets/film_noir", headers=account.headers)).json()
    assert (noir["built_in"], noir["name"]) == (True, "Film noir")


async def test_a_preset_is_ones_own_until_it_is_shared(client: httpx.AsyncClient, account: Person) -> None:
    stranger, preset = await sign_up(client), await keep(client, account)
    url = f"/v1/presets/{preset['id']}"
    assert (await client.get(url, headers=stranger.headers)).status_code == 404
    refused = await create(client, stranger, preset=preset["id"])
    assert (refused.status_code, refused.json()["param"]) == (404, "preset")
    assert (await client.patch(url, json={"shared": True}, headers=stranger.headers)).status_code == 404
    changed = await client.patch(url, json={"shared": True, "name": "Ours"}, headers=account.headers)
    assert (changed.json()["name"], changed.json()["prompt"]) == ("Ours", BRAND["prompt"])
    seen = (await client.get(url, headers=stranger.headers)).json()
    assert (seen["own"], seen["shared"]) == (False, True)
    assert (await create(client, stranger, preset=preset["id"])).status_code == 200
    assert (await client.delete(url, headers=stranger.headers)).status_code == 404
    assert (await client.delete(url, headers=account.headers)).json()["deleted"] is True
    assert (await client.get(url, headers=account.headers)).status_code == 404


async def test_asked_twice_under_one_key_one_is_kept(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    headers = account.headers | {"Idempotency-Key": "k"}
    first, again = [await client.post("/v1/presets", json=BRAND, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    async with app_state.pool.acquire() as db:
        assert await presets.count_presets(db, account.id) == 1


async def test_nobody_keeps_them_without_end(client: httpx.AsyncClient, app_state: AppState, account: Person) -> None:
    assert MAX_PRESETS >= 100
    async with app_state.pool.acquire() as db:
        await db.execute(
            """
            INSERT INTO presets (id, user_id, name, prompt, negative_prompt, pictured, shared)
            SELECT 'preset_' || n, $1, '', 'x', '', false, false
            FROM generate_series(1, $2::int) AS n
            """,
            account.id,
            MAX_PRESETS,
        )
    files = {"image": ("a.png", png(), "image/png")}
    full = await client.post("/v1/presets", data=BRAND, files=files, headers=account.headers)
    assert (full.status_code, full.json()["limit"]) == (409, MAX_PRESETS)
    assert not list((app_state.storage.root / "presets").iterdir())


@pytest.mark.parametrize("name", ["nope", "preset_00000000000000000000000000", "film noir"])
async def test_a_preset_that_is_not_there_says_which_are(client: httpx.AsyncClient, account: Person, name: str) -> None:
    answer = await create(client, account, preset=name)
    assert (answer.status_code, answer.json()["param"]) == (404, "preset")
    assert "film_noir" in answer.json()["detail"]
