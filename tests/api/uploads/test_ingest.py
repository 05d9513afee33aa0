"""Films sent in: read, kept, and refused by name where they cannot be used."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from api.errors import Invalid
from api.http.state import AppState
from api.schemas.video_requests import VideoReference
from api.settings import Settings
from api.uploads.ingest import MediaIngester
from engine.media.video_reader import VideoReader
from tests.support.media_files import encode_video
from tests.support.users import Person
from tests.support.video_requests import claim, post


async def test_a_video_is_reencoded_and_stored(client: httpx.AsyncClient, app_state: AppState, account: Person) -> None:
    answer = await client.post(
        "/v1/videos/extensions",
        data={"prompt": "it goes on", "seconds": "3"},
        files={"video": ("phone.mov", encode_video(), "video/quicktime")},
        headers=account.headers,
    )
    assert answer.status_code == 200, answer.text
    video = answer.json()
    assert (video["seconds"], video["size"], video["model"], video["parents"]) == ("5", "192x320", "kinora-mini", [])
    assert video["cost"]["credits"] == 6
    [film] = (await app_state.lifecycle.load_inputs(await claim(app_state)))[1]
    assert VideoReader(24).count_frames(app_state.storage.file_path(film.key)) == 48
    assert not list((app_state.settings.data / "work").iterdir())
    url = "data:video/mp4;base64," + base64.b64encode(encode_video()).decode()
    inline = await post(client, account, "loops", {"video": {"video_url": url}, "prompt": "round and round"})
    assert (inline.status_code, inline.json()["seconds"]) == (200, "2")


async def test_videos_are_refused_where_no_model_makes_videos(settings: Settings, tmp_path: Path) -> None:
    uploads = MediaIngester(msgspec.structs.replace(settings, models=["z-image-turbo"]))
    with pytest.raises(Invalid, match=r"^No model here makes videos; z-image-turbo makes images only"):
        await uploads.ingest_video(VideoReference(file=encode_video()), tmp_path, "video", "video.video_url")


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"no film", 415, "MP4, MOV, WebM"),
        (b"", 415, "MP4"),
        (encode_video(21, 16, 16), 422, "may last at most 20 seconds; this one lasts 21.0"),
    ],
    ids=["text", "empty", "long"],
)
async def test_an_unusable_video_is_refused(
    client: httpx.AsyncClient, app_state: AppState, account: Person, content: bytes, status: int, words: str
) -> None:
    answer = await client.post(
        "/v1/videos/edits",
        data={"prompt": "x"},
        files={"video": ("a.mp4", content, "video/mp4")},
        headers=account.headers,
    )
    assert (answer.status_code, answer.json()["param"]) == (status, "video"), answer.text
    assert words in answer.json()["detail"]
    assert not list((app_state.settings.data / "work").iterdir())


@pytest.mark.parametrize("source", [{}, {"id": "video_x", "video_url": "data:"}, {"video_url": "https://example.org"}])
async def test_a_video_has_exactly_one_source(
    client: httpx.AsyncClient, account: Person, source: dict[str, Any]
) -> None:
    answer = await post(client, account, "edits", {"video": source, "prompt": "x"})
    assert (answer.status_code, answer.json()["param"].startswith("video")) == (422, True), answer.text


async def test_a_loop_of_an_uploaded_video_needs_a_prompt(client: httpx.AsyncClient, account: Person) -> None:
    files = {"video": ("a.mp4", encode_video(1), "video/mp4")}
    answer = await client.post("/v1/videos/loops", files=files, headers=account.headers)
    assert (answer.status_code, answer.json()["param"]) == (422, "prompt"), answer.text
