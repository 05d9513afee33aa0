"""Uploads that break: the server is asked how far it is, and nothing is sent that is there already."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kinora
import pytest
from kinora import AsyncKinora, Kinora
from kinora.types import Upload

from tests.api.routes.test_videos import png
from tests.sdk.objects import example, problem, video
from tests.sdk.programs import program
from tests.sdk.scripted import Reply, Script, resets, says, scripted
from tests.support.media_files import encode_video

FILM = bytes(range(250)) * 4  # a thousand bytes, sent four hundred at a time
PLACE = "/v1/uploads/upload_1"


def client(url: str, **options: Any) -> Kinora:
    return Kinora(api_key="k", base_url=url, retry_pause=0.001, max_retries=2, upload_chunk_size=400, **options)


def upload(**changes: Any) -> dict[str, Any]:
    whole = {"id": "upload_1", "bytes": len(FILM), "offset": len(FILM)}
    return example("/v1/uploads/{upload_id}") | whole | changes


def created(offset: int = 0) -> Reply:
    return says(201, upload(status="receiving", kind="unknown", offset=offset), upload_offset=str(offset))


def took(offset: int) -> Reply:
    return says(204, raw=b"", upload_offset=str(offset))


def has(offset: int) -> Reply:
    return says(200, raw=b"", upload_offset=str(offset))


def pieces(script: Script) -> list[tuple[int, bytes]]:
    return [(int(one.headers["upload-offset"]), one.body) for one in script.asked if one.method == "PATCH"]


def test_a_file_goes_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "été.mp4").write_bytes(FILM)
    heard: list[tuple[int, int]] = []
    new: list[str] = []
    replies = (created(), took(400), took(800), took(1000), says(200, upload(kind="video", status="ready")))
    with scripted(*replies) as script, client(script.url) as sdk:
        done = sdk.uploads.create(
            tmp_path / "été.mp4",
            on_created=lambda one: new.append(one.id),
            on_progress=lambda *said: heard.append(said),
        )
    assert isinstance(done, Upload)
    assert (done.status, done.kind, new) == ("ready", "video", ["upload_1"])
    assert [one.method for one in script.asked] == ["POST", "PATCH", "PATCH", "PATCH", "GET"]
    assert pieces(script) == [(0, FILM[:400]), (400, FILM[400:800]), (800, FILM[800:])]
    assert heard == [(400, 1000), (800, 1000), (1000, 1000)]
    begun = script.asked[0].headers
    assert begun["upload-length"] == "1000"
    assert begun["upload-metadata"] == "filename w6l0w6kubXA0,filetype dmlkZW8vbXA0"
    assert begun["idempotency-key"]
    assert {one.headers["tus-resumable"] for one in script.asked[:4]} == {"1.0.0"}
    assert script.asked[1].headers["content-type"] == "application/offset+octet-stream"


TROUBLES: list[Callable[[], Reply]] = [
    resets,
    lambda: says(502, raw=b"<html>bad gateway</html>"),
    lambda: says(503, problem(503, "unavailable"), retry_after="0"),
    lambda: says(409, problem(409, "wrong_offset")),
    lambda: says(423, problem(423, "locked"), retry_after="0"),
    lambda: says(400, problem(400, "malformed")),
]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_after_trouble_it_goes_on_where_the_server_is(trouble: Callable[[], Reply]) -> None:
    """Half of a piece arrived; the other half, and no more, is sent again."""
    replies = (created(), trouble(), has(150), took(550), took(950), took(1000), says(200, upload(status="ready")))
    with scripted(*replies) as script, client(script.url) as sdk:
        assert sdk.uploads.create(FILM).status == "ready"
    assert pieces(script) == [(0, FILM[:400]), (150, FILM[150:550]), (550, FILM[550:950]), (950, FILM[950:])]
    assert script.asked[2].method == "HEAD"


def test_a_lost_answer_to_the_last_piece_costs_nothing() -> None:
    replies = (created(), took(400), took(800), resets(), has(1000), says(200, upload(status="ready")))
    with scripted(*replies) as script, client(script.url) as sdk:
        assert sdk.uploads.create(FILM).status == "ready"
    assert len(pieces(script)) == 3


def test_trouble_without_end_is_raised_and_trouble_with_progress_is_not() -> None:
    crawling = [reply for offset in (100, 200, 300, 400, 500, 600) for reply in (resets(), has(offset))]
    replies = (created(), *crawling, took(1000), says(200, upload(status="ready")))
    with scripted(*replies) as script, client(script.url) as sdk:
        assert sdk.uploads.create(FILM).status == "ready"
    stuck = [reply for _ in range(9) for reply in (resets(), has(400))]
    with scripted(created(), took(400), *stuck) as script, client(script.url) as sdk:
        with pytest.raises(kinora.ConnectionFailed):
            sdk.uploads.create(FILM)
        assert [offset for offset, _ in pieces(script)] == [0, 400, 400, 400]
    back_and_forth = [reply for _ in range(9) for reply in (took(400), resets(), has(0))]
    with scripted(created(), *back_and_forth) as script, client(script.url) as sdk:
        with pytest.raises(kinora.ConnectionFailed):
            sdk.uploads.create(FILM)
        assert len(pieces(script)) < 9


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "not_found", kinora.NotFound),
        (410, "expired", kinora.Expired),
        (413, "payload_too_large", kinora.TooLarge),
        (403, "missing_scope", kinora.Forbidden),
    ],
)
def test_what_does_not_pass_is_raised_at_once(status: int, code: str, kind: type[kinora.APIError]) -> None:
    with scripted(created(), says(status, problem(status, code))) as script, client(script.url) as sdk:
        with pytest.raises(kind):
            sdk.uploads.create(FILM)
        assert len(script.asked) == 2


def test_a_server_that_asks_for_too_much_patience_is_not_waited_for() -> None:
    busy = says(503, problem(503, "unavailable"), retry_after="3600")
    with scripted(created(), busy) as script, client(script.url) as sdk, pytest.raises(kinora.Unavailable):
        sdk.uploads.create(FILM)


def test_a_creation_whose_answer_was_lost_is_repeated_under_its_key() -> None:
    replies = (resets(), created(), took(400), took(800), took(1000), says(200, upload(status="ready")))
    with scripted(*replies) as script, client(script.url) as sdk:
        sdk.uploads.create(FILM)
    assert script.asked[0].headers["idempotency-key"] == script.asked[1].headers["idempotency-key"]


def test_a_file_that_cannot_be_used_says_why() -> None:
    refused = upload(status="refused", kind="unknown", error={"code": "invalid", "message": "The video has no frames."})
    replies = (created(), took(400), took(800), took(1000), says(200, upload(status="receiving")), says(200, refused))
    with (
        scripted(*replies) as script,
        client(script.url) as sdk,
        pytest.raises(kinora.UploadRefused, match="has no frames") as caught,
    ):
        sdk.uploads.create(FILM)
    assert caught.value.upload.id == "upload_1"


def test_another_process_goes_on_from_where_the_server_is(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(FILM)
    known = says(200, upload(status="receiving", kind="unknown", offset=700))
    with scripted(known, took(1000), says(200, upload(status="ready"))) as script, client(script.url) as sdk:
        assert sdk.uploads.resume("upload_1", tmp_path / "film.mp4").status == "ready"
    assert pieces(script) == [(700, FILM[700:])]
    (tmp_path / "film.mp4").write_bytes(FILM[1:])
    with (
        scripted(says(200, upload(status="receiving"))) as script,
        client(script.url) as sdk,
        pytest.raises(ValueError, match="of 1000 bytes, and this one has 999"),
    ):
        sdk.uploads.resume("upload_1", tmp_path / "film.mp4")


class Pipe(io.BytesIO):
    """A file that can be read once."""

    def seekable(self) -> bool:
        return False


def moved() -> io.BytesIO:
    file = io.BytesIO(b"head" + FILM)
    file.seek(4)
    return file


@pytest.mark.parametrize("file", [lambda: Pipe(FILM), moved, lambda: ("a.mp4", FILM), lambda: ("a.mp4", moved())])
def test_every_kind_of_file_goes_from_where_it_stands(file: Callable[[], Any]) -> None:
    replies = (created(), resets(), has(0), took(400), took(800), took(1000), says(200, upload(status="ready")))
    with scripted(*replies) as script, client(script.url) as sdk:
        sdk.uploads.create(file())
    assert b"".join(content for _, content in pieces(script)[1:]) == FILM


def test_a_text_file_and_one_that_shrinks_are_refused(tmp_path: Path) -> None:
    with scripted() as script, client(script.url) as sdk:
        with pytest.raises(TypeError, match="binary mode"):
            sdk.uploads.create(io.StringIO("text"))  # type: ignore[arg-type]
        assert not script.asked
    path = tmp_path / "film.mp4"
    path.write_bytes(FILM)
    with (
        scripted(created(), took(400)) as script,
        client(script.url) as sdk,
        pytest.raises(ValueError, match="shorter"),
    ):
        sdk.uploads.create(path, on_created=lambda _: path.write_bytes(b""))


def test_an_upload_stands_for_its_id_wherever_a_file_or_a_video_is() -> None:
    replies = [says(200, upload()), *(says(200, video()) for _ in range(3))]
    with scripted(*replies) as script, client(script.url) as sdk:
        one = sdk.uploads.get("upload_1")
        sdk.videos.create(prompt="a", first_frame=one, storyboard=[{"at": 1, "upload": one}])
        sdk.videos.extend(video=one, seconds=1)
        sdk.videos.create(prompt="a", first_frame=b"\x89PNG", last_frame=one)
    _, create, extend, form = script.asked
    assert json.loads(create.body) == {
        "prompt": "a",
        "first_frame": "upload_1",
        "storyboard": [{"at": 1, "upload": "upload_1"}],
    }
    assert json.loads(extend.body) == {"video": "upload_1", "seconds": 1}
    assert b'name="last_frame"\r\n\r\nupload_1' in form.body


async def test_the_awaited_client_does_the_same() -> None:
    heard: list[int] = []

    async def hear(have: int, _: int) -> None:
        heard.append(have)

    replies = (created(), resets(), has(150), took(550), took(950), took(1000), says(200, upload(status="ready")))
    with scripted(*replies) as script:
        async with AsyncKinora(api_key="k", base_url=script.url, retry_pause=0.001, upload_chunk_size=400) as sdk:
            assert (await sdk.uploads.create(FILM, on_progress=hear)).status == "ready"
    assert heard == [150, 550, 950, 1000]


# -- against a running backend --------------------------------------------------------------------------------

BEGUN = """
import os, sys
from kinora import Kinora
def told(have, whole):
    if have > whole // 2:
        os.kill(os.getpid(), 9)
film = ("film.mp4", open("film.mp4", "rb"))
Kinora(upload_chunk_size=2000).uploads.create(film, on_created=lambda new: print(new.id, flush=True), on_progress=told)
"""


@pytest.mark.xdist_group("backend")
async def test_a_process_that_was_killed_is_gone_on_from(site: str, key: str, tmp_path: Path) -> None:
    content = encode_video(2)
    (tmp_path / "film.mp4").write_bytes(content)
    (tmp_path / "begin.py").write_text(BEGUN)
    status, out, err = await program(site, key, tmp_path, "begin.py")
    assert status == -9, err
    begun = out.strip()
    heard: list[int] = []

    def story() -> None:
        with Kinora(api_key=key, base_url=site) as sdk:
            half = sdk.uploads.get(begun)
            assert (half.status, half.offset > len(content) // 2) == ("receiving", True)
            film = sdk.uploads.resume(begun, tmp_path / "film.mp4", on_progress=lambda have, _: heard.append(have))
            assert (film.kind, film.seconds, film.filename) == ("video", 2, "film.mp4")
            assert heard[0] > half.offset
            longer = sdk.videos.extend(video=film, seconds=1, prompt="it goes on")
            assert sdk.videos.wait(longer, timeout=120).seconds == "3"
            still = sdk.uploads.create(("a.png", png()))
            assert (still.kind, still.width) == ("image", 64)
            made = sdk.videos.create_and_wait(prompt="a ball", seconds=1, first_frame=still, timeout=120)
            assert made.status == "completed"
            assert {one.id for one in sdk.uploads.list()} == {film.id, still.id}
            assert sdk.uploads.delete(film).deleted
            with pytest.raises(kinora.UploadRefused, match="MP4"):
                sdk.uploads.create(b"no video")

    await asyncio.to_thread(story)
