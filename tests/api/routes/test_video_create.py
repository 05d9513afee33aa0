"""Routes that create videos from videos: what they cost, what they are made from, and what is refused by name."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import msgspec
import pytest

from api.http.state import AppState
from api.routes.video_create import BODIES, _choose_request_type
from api.schemas import operations
from api.schemas.operations import Operation
from api.schemas.video_requests import CreateRequest
from api.videos.operations import VideoFile, to_engine_request
from api.videos.styles import BUILT_IN
from api.worker.segment_publisher import SegmentPublisher
from engine.types import Request, Segment
from tests.support.users import Person
from tests.support.video_requests import available, claim, create, finished, png, post


@pytest.mark.parametrize(
    ("path", "body", "operation", "seconds", "credits"),
    [
        ("{}/remix", {"prompt": "at night", "strength": "subtle"}, operations.Remix("subtle"), "4", 8),
        ("edits", {"video": "{}", "prompt": "green"}, operations.Edit("mild", "a red ball"), "4", 8),
        ("edits", {"video": {"id": "{}"}, "prompt": "green"}, operations.Edit("mild", "a red ball"), "4", 8),
        (
            "extensions",
            {"video": "{}", "prompt": "on", "seconds": "3", "direction": "backward"},
            operations.Extension(3, "backward"),
            "7",
            6,
        ),
        (
            "recuts",
            {"video": "{}", "keep": [{"from": 2, "to": 3}, {"from": 0, "to": 1}]},
            operations.Recut(((0, 1), (2, 3))),
            "4",
            4,
        ),
        ("recuts", {"video": "{}", "keep": [{"from": 0, "to": 4}], "seconds": 6}, operations.Recut(((0, 4),)), "6", 4),
        ("blends", {"from": "{}", "to": "{}"}, operations.Blend("even", ("a red ball", "a red ball")), "4", 8),
        ("loops", {"video": "{}", "length": "short"}, operations.Loop("short"), "4", 2),
    ],
)
async def test_each_operation_is_queued_with_its_source_video_and_costs_what_it_makes(
    client: httpx.AsyncClient,
    app_state: AppState,
    account: Person,
    path: str,
    body: dict[str, Any],
    operation: Operation,
    seconds: str,
    credits: int,
) -> None:
    source = await finished(client, app_state, account, prompt="a red ball", seconds=4, size="192x320")
    filled = msgspec.json.decode(msgspec.json.encode(body).replace(b"{}", source.encode()))
    before = await available(client, account)
    estimate = await post(client, account, "estimate", {"video": source, **filled} if "remix" in path else filled)
    answer = await post(client, account, path.replace("{}", source), filled)
    assert answer.status_code == 200, answer.text
    video = answer.json()
    assert (video["seconds"], video["size"], video["cost"]["credits"]) == (seconds, "192x320", credits)
    assert (estimate.json()["credits"], before - await available(client, account)) == (credits, credits)
    assert video["parents"] == [source]
    assert video["remixed_from_video_id"] == (source if "remix" in path else None)
    claimed_job = await claim(app_state)
    assert (claimed_job.id, claimed_job.operation) == (video["id"], operation)
    _, films = await app_state.lifecycle.load_inputs(claimed_job)
    assert {app_state.storage.read_file(film.key) for film in films} == {b"film of " + source.encode()}
    assert {film.seconds for film in films} == {4.0}


async def test_a_storyboard_places_prompts_images_and_videos_on_one_timeline(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    source = await finished(client, app_state, account, seconds=2)
    cards = [{"at": 2, "prompt": "a red ball"}, {"at": 4, "video": source}]
    answer = await client.post(
        "/v1/videos",
        data={"prompt": "the whole", "seconds": "8", "loop": "true", "storyboard": msgspec.json.encode(cards).decode()},
        files={"last_frame": ("last.png", png(), "image/png")},
        headers=account.headers,
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["parents"], answer.json()["cost"]["credits"]) == ([source], 12)
    claimed_job = await claim(app_state)
    shots = (
        operations.StoredCard(0, prompt="the whole"),
        operations.StoredCard(2, prompt="a red ball"),
        operations.StoredCard(4, source=0),
    )
    assert claimed_job.operation == operations.Storyboard(shots, loop=True)
    pictures, [film] = await app_state.lifecycle.load_inputs(claimed_job)
    assert [picture.frame for picture in pictures] == [-1]
    assert film.seconds == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "words"),
    [
        ("recuts", {"keep": [{"from": 1, "to": 9}]}, 422, "keep", "4 seconds"),
        ("recuts", {"keep": [{"from": 0, "to": 2}, {"from": 1, "to": 3}]}, 422, "keep", "in order, without overlap"),
        ("recuts", {"keep": [{"from": 0, "to": 4}]}, 422, "keep", "leave something"),
        ("recuts", {"keep": [{"from": 0, "to": 3.99}]}, 422, "keep", "leave something"),
        ("recuts", {"keep": []}, 422, "keep", "length >= 1"),
        ("recuts", {"keep": [{"from": 0, "to": 1}], "seconds": 11}, 403, "seconds", "up to 10"),
        ("extensions", {"seconds": 7, "prompt": "on"}, 403, "seconds", "this one has 11"),
        ("extensions", {"seconds": 17, "prompt": "on"}, 422, "seconds", "1 to 20 seconds"),
        ("extensions", {"seconds": 1, "direction": "sideways"}, 422, "direction", "forward"),
        ("loops", {"length": "endless"}, 422, "length", "short"),
        ("edits", {"prompt": "x", "model": "sora-2"}, 422, "model", "not a known field"),
    ],
)
async def test_what_does_not_fit_is_named(
    client: httpx.AsyncClient,
    app_state: AppState,
    account: Person,
    path: str,
    body: dict[str, Any],
    status: int,
    param: str,
    words: str,
) -> None:
    source = await finished(client, app_state, account, seconds=4)
    before = await available(client, account)
    answer = await post(client, account, path, {"video": source, **body})
    assert (answer.status_code, answer.json()["param"]) == (status, param), answer.text
    assert words in answer.json()["detail"]
    assert await available(client, account) == before


@pytest.mark.parametrize(
    ("cards", "param", "words"),
    [
        ([{"at": 1}], "storyboard.0", "one of"),
        ([{"at": 1, "prompt": "a", "upload": {"file_id": "x"}}], "storyboard.0", "one of"),
        ([{"at": 4, "prompt": "a"}], "storyboard.0.at", "ends at 4"),
        ([{"at": 2, "until": 1, "prompt": "a"}], "storyboard.0.until", "after"),
        ([{"at": 1, "upload": {"image_url": "https://example.org"}}], "storyboard.0.upload.image_url", "data:"),
        ([{"at": 1, "video": "video_nope"}], "storyboard.0.video", "no video"),
    ],
)
async def test_a_card_that_does_not_fit_is_named(
    client: httpx.AsyncClient, account: Person, cards: list[dict[str, Any]], param: str, words: str
) -> None:
    answer = await create(client, account, storyboard=cards, seconds=4)
    assert (answer.status_code in (404, 422), answer.json()["param"]) == (True, param), answer.text
    assert words in answer.json()["detail"]


async def test_a_remix_names_its_video_in_the_path_alone(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    source = await finished(client, app_state, account)
    answer = await post(client, account, f"{source}/remix", {"prompt": "x", "video": source})
    assert (answer.status_code, answer.json()["param"]) == (422, "video")


async def test_input_reference_is_the_first_frame(client: httpx.AsyncClient, account: Person) -> None:
    files = {name: ("a.png", png(), "image/png") for name in ("input_reference", "first_frame")}
    answer = await client.post("/v1/videos", data={"prompt": "x"}, files=files, headers=account.headers)
    assert (answer.status_code, answer.json()["param"]) == (422, "first_frame")


async def test_a_storyboard_of_videos_alone_begins_with_the_clip_s_own_prompt(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    source = await finished(client, app_state, account, seconds=2)
    answer = await create(client, account, storyboard=[{"at": 1, "video": source}], seconds=4)
    assert (answer.status_code, answer.json()["cost"]["credits"]) == (200, 4), answer.text
    claimed_job = await claim(app_state)
    shots = (operations.StoredCard(0, prompt=answer.json()["prompt"]), operations.StoredCard(1, source=0))
    assert claimed_job.operation == operations.Storyboard(shots, loop=False)
    full = await create(client, account, storyboard=[{"at": 0, "video": source}], seconds=2)
    assert (full.status_code, full.json()["param"]) == (422, "storyboard")


@pytest.mark.parametrize(("direction", "frames", "charged"), [("forward", 64, 0), ("backward", 16, 4)])
async def test_a_cancel_charges_for_what_was_made_not_for_what_was_kept(
    client: httpx.AsyncClient, app_state: AppState, account: Person, direction: str, frames: int, charged: int
) -> None:
    """Ten seconds, eight of them the film's own: what is published first is the film, or all that is new."""
    source = await finished(client, app_state, account, seconds=8)
    await post(client, account, "extensions", {"video": source, "seconds": 2, "direction": direction})
    claimed_job = await claim(app_state)
    plain = Request(
        claimed_job.served_by,
        claimed_job.prompt,
        claimed_job.width,
        claimed_job.height,
        claimed_job.seconds,
        claimed_job.seed,
    )
    request = to_engine_request(claimed_job.operation, plain, [VideoFile(Path("film.mp4"), 8.0)])
    files = [app_state.storage.root / name for name in ("head.mp4", "segment.m4s")]
    for file in files:
        file.write_bytes(b"bytes")
    publisher = SegmentPublisher(claimed_job, request, app_state.lifecycle, app_state.storage)
    assert await publisher.publish_segment(Segment(0, frames, frames / 8, *files))
    before = await available(client, account)
    cancelled = await client.post(f"/v1/videos/{claimed_job.id}/cancel", headers=account.headers)
    assert cancelled.json()["status"] == "cancelled"
    assert await available(client, account) == before + 4 - charged


async def test_without_words_a_clip_goes_on_in_its_style(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    source = await finished(client, app_state, account, prompt="a street", preset="film_noir")
    noir, paper = BUILT_IN["film_noir"].prompt, BUILT_IN["papercraft"].prompt
    for extra, prompt in (({}, f"a street. {noir}"), ({"preset": "papercraft"}, f"a street. {paper}")):
        await post(client, account, "loops", {"video": source, **extra})
        claimed_job = await claim(app_state)
        assert claimed_job.prompt == prompt
        assert await app_state.lifecycle.complete(claimed_job, [])


async def test_a_repetition_is_answered_when_its_preset_is_gone(client: httpx.AsyncClient, account: Person) -> None:
    preset = {"name": "Ours", "prompt": "flat colours"}
    url = f"/v1/presets/{(await client.post('/v1/presets', json=preset, headers=account.headers)).json()['id']}"
    key = {"Idempotency-Key": "k"}
    first = await create(client, account, key, preset=url.rpartition("/")[2])
    await client.delete(url, headers=account.headers)
    assert (await create(client, account, key, preset=url.rpartition("/")[2])).content == first.content


def bodies() -> Iterator[tuple[type[CreateRequest], set[str]]]:
    yield BODIES[0], {"prompt"}
    yield BODIES[1], {"video", "prompt", "strength"}
    yield BODIES[2], {"video", "prompt"}
    yield BODIES[3], {"video", "prompt", "seconds"}
    yield BODIES[4], {"video", "keep", "seconds"}
    yield BODIES[5], {"from", "to", "seconds"}
    yield BODIES[6], {"video"}


@pytest.mark.parametrize(("kind", "names"), list(bodies()))
def test_an_estimate_knows_a_body_by_its_fields(kind: type[CreateRequest], names: set[str]) -> None:
    assert _choose_request_type(names) is kind


@pytest.mark.xdist_group("backend")
async def test_the_studio_makes_what_it_is_asked(backend_client: httpx.AsyncClient, backend_user: Person) -> None:
    async def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = backend_user.headers | {"Prefer": "wait=60"}
        answer = await backend_client.post(
            f"/v1/videos{path}", json={"quality": "turbo"} | body, headers=headers, timeout=90
        )
        video: dict[str, Any] = answer.raise_for_status().json()
        assert video["status"] == "completed", video
        content = await backend_client.get(f"/v1/videos/{video['id']}/content", headers=backend_user.headers)
        with av.open(io.BytesIO(content.content), "r") as film:
            count = len(list(film.decode(film.streams.video[0])))
        assert count == float(video["seconds"]) * 8
        return video

    source = (await made("", {"prompt": "a red ball", "seconds": 2, "size": "64x64"}))["id"]
    await made(f"/{source}/remix", {"prompt": "at night", "strength": "strong"})
    await made("/edits", {"video": source, "prompt": "a green ball"})
    longer = await made("/extensions", {"video": source, "seconds": 1})
    await made("/recuts", {"video": longer["id"], "keep": [{"from": 0, "to": 1}, {"from": 2, "to": 3}]})
    await made("/blends", {"from": source, "to": longer["id"], "seconds": 2})
    await made("/loops", {"video": source, "length": "short"})
    cards = [{"at": 0, "video": source}, {"at": 3, "prompt": "a blue boat"}]
    await made("", {"prompt": "a story", "seconds": 4, "size": "64x64", "storyboard": cards, "loop": True})
