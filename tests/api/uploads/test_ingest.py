"""Films sent in: read, kept, and refused by name where they cannot be used."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import av
import httpx
import msgspec
import numpy as np
import pytest

from api.errors import Invalid
from api.http.state import AppState
from api.schemas.video_requests import VideoReference
from api.settings import Settings
from api.uploads.ingest import Uploads
from engine.media.video_reader import Footage
from tests.api.routes.test_video_create import claim, post
from tests.support.users import Person


def clip(seconds: float = 2, width: int = 90, height: int = 160) -> bytes:
    """A film as somebody's phone has it."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(round(seconds * 30)):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), index % 256, np.uint8), "rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


async def test_a_film_sent_in_is_read_and_kept(client: httpx.AsyncClient, app_state: AppState, account: Person) -> None:
    answer = await client.post(
        "/v1/videos/extensions",
        data={"prompt": "it goes on", "seconds": "3"},
        files={"video": ("phone.mov", clip(), "video/quicktime")},
        headers=account.headers,
    )
    assert answer.status_code == 200, answer.text
    video = answer.json()
    assert (video["seconds"], video["size"], video["model"], video["parents"]) == ("5", "192x320", "kinora-mini", [])
    assert video["cost"]["credits"] == 6
    [film] = (await app_state.lifecycle.load_inputs(await claim(app_state)))[1]
    assert Footage(24).length(app_state.storage.path(film.key)) == 48
    assert not list((app_state.settings.data / "work").iterdir())
    url = "data:video/mp4;base64," + base64.b64encode(clip()).decode()
    inline = await post(client, account, "loops", {"video": {"video_url": url}, "prompt": "round and round"})
    assert (inline.status_code, inline.json()["seconds"]) == (200, "2")


async def test_no_film_is_taken_where_none_could_be_made(settings: Settings, tmp_path: Path) -> None:
    uploads = Uploads(msgspec.structs.replace(settings, models=["z-image-turbo"]))
    with pytest.raises(Invalid, match=r"^No model here makes videos; z-image-turbo makes images only"):
        await uploads.film(VideoReference(file=clip()), tmp_path, "video")


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"no film", 415, "MP4, MOV, WebM"),
        (b"", 415, "MP4"),
        (clip(21, 16, 16), 422, "may last at most 20 seconds; this one lasts 21.0"),
    ],
    ids=["text", "empty", "long"],
)
async def test_a_film_that_cannot_be_used_is_refused(
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
async def test_a_film_is_named_in_one_way(client: httpx.AsyncClient, account: Person, source: dict[str, Any]) -> None:
    answer = await post(client, account, "edits", {"video": source, "prompt": "x"})
    assert (answer.status_code, answer.json()["param"].startswith("video")) == (422, True), answer.text


async def test_a_film_without_words_wants_some(client: httpx.AsyncClient, account: Person) -> None:
    files = {"video": ("a.mp4", clip(1), "video/mp4")}
    answer = await client.post("/v1/videos/loops", files=files, headers=account.headers)
    assert (answer.status_code, answer.json()["param"]) == (422, "prompt"), answer.text
