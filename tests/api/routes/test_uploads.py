"""Uploads sent in one form, and uploads used by requests for videos."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from PIL import Image

from api.http.state import AppState
from engine.media.video_reader import VideoReader
from tests.support.uploads import PNG, VIDEO, append_bytes, create_upload, upload_form_file
from tests.support.users import Person, sign_up
from tests.support.video_requests import claim, post


async def test_a_form_uploads_a_whole_file(client: httpx.AsyncClient, app_state: AppState, account: Person) -> None:
    keyed = account.headers | {"Idempotency-Key": "mine"}
    film = {"file": ("my film.mp4", VIDEO, "video/mp4")}
    answer = await client.post("/v1/uploads", files=film, headers=keyed)
    assert (answer.status_code, answer.json()["filename"], answer.json()["kind"]) == (201, "my film.mp4", "video")
    assert answer.headers["location"] == f"/v1/uploads/{answer.json()['id']}"
    again = await client.post("/v1/uploads", files=film, headers=keyed)
    assert again.json() == answer.json()
    other = await client.post("/v1/uploads", files={"file": ("b.png", PNG)}, headers=keyed)
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert [each.name for each in (app_state.settings.data / "media" / "uploads").iterdir()] == [answer.json()["id"]]


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ([("file", ("a.heic", b"no picture known"))], 415, "one of PNG, JPEG, WEBP, AVIF, HEIC, MP4"),
        ([("file", ("a.png", PNG[:60]))], 422, "damaged"),
        ([("film", ("a.mp4", VIDEO))], 422, "`film` is not a known field"),
        ([("file", ("a.png", PNG)), ("file", ("b.png", PNG))], 422, "one file"),
        ([("file", ("a.png", PNG)), ("purpose", (None, "vision"))], 422, "`purpose` is not a known field"),
    ],
)
async def test_a_refused_form_leaves_no_files(
    client: httpx.AsyncClient, app_state: AppState, account: Person, files: Any, status: int, words: str
) -> None:
    answer = await client.post("/v1/uploads", files=files, headers=account.headers)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert not (app_state.settings.data / "media" / "uploads").exists()
    assert not (work := app_state.settings.data / "work").exists() or not list(work.iterdir())


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"GIF89a" + bytes(100), "GIF"),
        (b"BM" + bytes(100), "BMP"),
        (b"RIFF\x40\0\0\0AVI LIST" + bytes(100), "AVI"),
        ((b"G" + bytes(187)) * 4, "MPEG-TS"),
        (b"<!DOCTYPE html>" + bytes(100), "HTML page"),
    ],
)
async def test_another_format_is_named_with_those_that_are_accepted(
    client: httpx.AsyncClient, account: Person, content: bytes, name: str
) -> None:
    answers = [
        await client.post("/v1/uploads", files={"file": ("a", content)}, headers=account.headers),
        await client.post(
            "/v1/videos", data={"prompt": "x"}, files={"input_reference": ("a", content)}, headers=account.headers
        ),
        await client.post(
            "/v1/videos/edits", data={"prompt": "x"}, files={"video": ("a", content)}, headers=account.headers
        ),
    ]
    for answer, formats in zip(
        answers, ("PNG, JPEG, WEBP, AVIF, HEIC, MP4", "PNG, JPEG", "MP4, MOV, WebM"), strict=True
    ):
        assert (answer.status_code, answer.json()["format"]) == (415, name), answer.text
        assert formats in answer.json()["detail"]
        assert f"The file sent is {name}." in answer.json()["detail"]


async def test_a_json_body_is_refused(client: httpx.AsyncClient, account: Person) -> None:
    answer = await client.post("/v1/uploads", json={"file": "x"}, headers=account.headers)
    assert (answer.status_code, answer.headers["accept"]) == (415, "multipart/form-data")


async def test_an_uploaded_image_works_in_every_image_field(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    picture = (await upload_form_file(client, account, PNG))["id"]
    bodies: list[dict[str, Any]] = [
        {"input_reference": {"file_id": picture}},
        {"first_frame": picture, "last_frame": {"file_id": picture}},
        {"storyboard": [{"at": 1, "upload": {"file_id": picture}}]},
        {"storyboard": [{"at": 1, "upload": picture}]},
    ]
    for wanted in bodies:
        answer = await post(client, account, "", {"prompt": "a ball", **wanted})
        assert answer.status_code == 200, answer.text
    form = {"prompt": "a ball", "first_frame": picture}
    assert (await client.post("/v1/videos", data=form, headers=account.headers)).status_code == 200
    preset = {"name": "ours", "prompt": "flat", "image": {"file_id": picture}}
    assert (await client.post("/v1/presets", json=preset, headers=account.headers)).status_code == 201
    await client.delete(f"/v1/uploads/{picture}", headers=account.headers)
    pictures, _ = await app_state.lifecycle.load_inputs(await claim(app_state))
    [kept] = pictures
    with Image.open(app_state.storage.file_path(kept.key)) as image:
        assert (image.size, image.format) == ((200, 120), "PNG")


async def test_an_uploaded_video_works_in_every_video_field(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    film = (await upload_form_file(client, account, VIDEO))["id"]
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("extensions", {"video": film, "seconds": 1, "prompt": "on"}),
        ("edits", {"video": {"id": film}, "prompt": "green"}),
        (f"{film}/remix", {"prompt": "at night"}),
        ("blends", {"from": film, "to": {"id": film}, "prompt": "both"}),
        ("", {"prompt": "a ball", "storyboard": [{"at": 0, "video": film}]}),
        ("estimate", {"video": film, "seconds": 1, "prompt": "on"}),
    ]
    for path, said in wanted:
        answer = await post(client, account, path, said)
        assert answer.status_code == 200, (path, answer.text)
    first = (await client.get("/v1/videos?order=asc&limit=1", headers=account.headers)).json()["data"][0]
    assert (first["seconds"], first["size"], first["parents"]) == ("2", "192x320", [])
    await client.delete(f"/v1/uploads/{film}", headers=account.headers)
    [kept] = (await app_state.lifecycle.load_inputs(await claim(app_state)))[1]
    assert VideoReader(24).count_frames(app_state.storage.file_path(kept.key)) == 24


async def test_unusable_uploads_are_refused_with_the_field(client: httpx.AsyncClient, account: Person) -> None:
    picture, film = (
        (await upload_form_file(client, account, PNG))["id"],
        (await upload_form_file(client, account, VIDEO))["id"],
    )
    theirs = (await upload_form_file(client, await sign_up(client), PNG))["id"]
    coming = (await create_upload(client, account, 100)).rpartition("/")[2]
    broken = await create_upload(client, account, 5)
    await append_bytes(client, account, broken, 0, b"words")
    refused = broken.rpartition("/")[2]
    cases: list[tuple[str, dict[str, Any], int, str, str, str]] = [
        ("edits", {"video": picture}, 422, "invalid", "video", "takes a video"),
        ("blends", {"from": film, "to": picture}, 422, "invalid", "to", "takes a video"),
        ("", {"first_frame": film}, 422, "invalid", "first_frame", "takes an image"),
        ("", {"last_frame": {"file_id": film}}, 422, "invalid", "last_frame.file_id", "takes an image"),
        ("", {"first_frame": coming}, 409, "upload_not_ready", "first_frame", "0 of its 100 bytes"),
        ("edits", {"video": coming}, 409, "upload_not_ready", "video", "0 of its 100 bytes"),
        ("edits", {"video": {"id": refused}}, 422, "invalid", "video", "MP4"),
        ("", {"first_frame": theirs}, 404, "not_found", "first_frame", "no upload"),
        ("edits", {"video": theirs}, 404, "not_found", "video", "no upload"),
        ("", {"first_frame": "kite.jpg"}, 404, "not_found", "first_frame", "no upload 'kite.jpg'"),
        ("", {"first_frame": {"file_id": picture, "image_url": "data:"}}, 422, "invalid", "first_frame", "one of your"),
        ("", {"first_frame": {}}, 422, "invalid", "first_frame", "one of your"),
    ]
    for path, said, status, code, param, words in cases:
        answer = await post(client, account, path, {"prompt": "a ball", **said})
        problem = answer.json()
        assert (answer.status_code, problem["error"]["code"], problem["param"]) == (status, code, param), problem
        assert words in problem["detail"]
