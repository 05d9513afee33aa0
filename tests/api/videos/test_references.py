"""Source videos that a create names: what stays of them, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx

from api.http.state import AppState
from tests.support.users import Person, sign_up
from tests.support.video_requests import claim, create, finished, png, post


async def test_a_clip_keeps_its_source_video_when_the_original_is_deleted(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    source = await finished(client, app_state, account)
    made = (await post(client, account, "loops", {"video": source})).json()
    await client.delete(f"/v1/videos/{source}", headers=account.headers)
    app_state.storage.remove_folder(f"videos/{source}")
    claimed_job = await claim(app_state)
    assert claimed_job.id == made["id"]
    _, [film] = await app_state.lifecycle.load_inputs(claimed_job)
    assert app_state.storage.read_file(film.key) == b"film of " + source.encode()
    gone = await post(client, account, "loops", {"video": source})
    assert (gone.status_code, gone.json()["param"]) == (404, "video")


async def test_a_repetition_is_answered_when_the_source_is_gone(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    source = await finished(client, app_state, account)
    ask: dict[str, Any] = {
        "url": "/v1/videos/loops",
        "json": {"video": source},
        "headers": account.headers | {"Idempotency-Key": "k"},
    }
    first = await client.post(**ask)
    await client.delete(f"/v1/videos/{source}", headers=account.headers)
    assert (await client.post(**ask)).content == first.content


async def test_a_missing_source_video_is_refused_by_its_field(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    stranger = await sign_up(client)
    theirs = await finished(client, app_state, stranger)
    queued = (await create(client, account)).json()["id"]
    for source, status in ((theirs, 404), ("video_x", 404), (queued, 409)):
        answer = await post(client, account, "blends", {"from": source, "to": source})
        assert (answer.status_code, answer.json()["param"]) == (status, "from"), answer.text
        assert answer.json()["error"]["param"] == "from"
    remix = await post(client, account, f"{theirs}/remix", {"prompt": "mine"})
    assert (remix.status_code, remix.json()["param"]) == (404, "video")


async def test_an_image_is_refused_as_a_source_video(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    source = await finished(client, app_state, account)
    async with app_state.pool.acquire() as db:
        await db.execute("UPDATE generations SET kind = 'image', seconds = 0 WHERE id = $1", source)
    answer = await post(client, account, "loops", {"video": source})
    assert (answer.status_code, answer.json()["param"]) == (422, "video")


async def test_what_cannot_be_paid_leaves_no_files(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    async with app_state.pool.acquire() as db:
        await db.execute("UPDATE lots SET remaining = 0 WHERE user_id = $1", account.id)
    files = {"first_frame": ("a.png", png(), "image/png")}
    answer = await client.post("/v1/videos", data={"prompt": "x", "n": "4"}, files=files, headers=account.headers)
    assert answer.status_code == 402
    assert not list((app_state.storage.root / "inputs").iterdir())


async def test_variations_share_the_bytes_of_their_image(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    files = {"first_frame": ("a.png", png(), "image/png")}
    answer = await client.post("/v1/videos", data={"prompt": "x", "n": "3"}, files=files, headers=account.headers)
    kept = [app_state.storage.file_path(f"inputs/{each}/0.png").stat() for each in answer.json()["variations"]]
    assert {(each.st_ino, each.st_nlink) for each in kept} == {(kept[0].st_ino, 3)}
