"""Uploads in chunks: after a failure they resume at the offset that the server reports."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kinora
import pytest
from kinora import AsyncKinora, Kinora
from kinora.types import Upload

from tests.support.api_examples import example, problem, video
from tests.support.scripted_server import Reply, ScriptedServer, reset_connection, respond, scripted_server

FILM = bytes(range(250)) * 4  # a thousand bytes, sent four hundred at a time
PLACE = "/v1/uploads/upload_1"


def client(url: str, **options: Any) -> Kinora:
    return Kinora(api_key="k", base_url=url, retry_pause=0.001, max_retries=2, upload_chunk_size=400, **options)


def upload(**changes: Any) -> dict[str, Any]:
    whole = {"id": "upload_1", "bytes": len(FILM), "offset": len(FILM)}
    return example("/v1/uploads/{upload_id}") | whole | changes


def created(offset: int = 0) -> Reply:
    return respond(201, upload(status="receiving", kind="unknown", offset=offset), upload_offset=str(offset))


def took(offset: int) -> Reply:
    return respond(204, raw=b"", upload_offset=str(offset))


def has(offset: int) -> Reply:
    return respond(200, raw=b"", upload_offset=str(offset))


def pieces(server: ScriptedServer) -> list[tuple[int, bytes]]:
    return [
        (int(request.headers["upload-offset"]), request.body)
        for request in server.requests
        if request.method == "PATCH"
    ]


def test_a_file_is_sent_in_chunks(tmp_path: Path) -> None:
    (tmp_path / "été.mp4").write_bytes(FILM)
    heard: list[tuple[int, int]] = []
    new: list[str] = []
    replies = (created(), took(400), took(800), took(1000), respond(200, upload(kind="video", status="ready")))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        done = sdk.uploads.create(
            tmp_path / "été.mp4",
            on_created=lambda one: new.append(one.id),
            on_progress=lambda *said: heard.append(said),
        )
    assert isinstance(done, Upload)
    assert (done.status, done.kind, new) == ("ready", "video", ["upload_1"])
    assert [request.method for request in server.requests] == ["POST", "PATCH", "PATCH", "PATCH", "GET"]
    assert pieces(server) == [(0, FILM[:400]), (400, FILM[400:800]), (800, FILM[800:])]
    assert heard == [(400, 1000), (800, 1000), (1000, 1000)]
    begun = server.requests[0].headers
    assert begun["upload-length"] == "1000"
    assert begun["upload-metadata"] == "filename w6l0w6kubXA0,filetype dmlkZW8vbXA0"
    assert begun["idempotency-key"]
    assert {request.headers["tus-resumable"] for request in server.requests[:4]} == {"1.0.0"}
    assert server.requests[1].headers["content-type"] == "application/offset+octet-stream"


TROUBLES: list[Callable[[], Reply]] = [
    reset_connection,
    lambda: respond(502, raw=b"<html>bad gateway</html>"),
    lambda: respond(503, problem(503, "unavailable"), retry_after="0"),
    lambda: respond(409, problem(409, "wrong_offset")),
    lambda: respond(423, problem(423, "locked"), retry_after="0"),
    lambda: respond(400, problem(400, "malformed")),
]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_after_a_failure_it_resumes_at_the_servers_offset(trouble: Callable[[], Reply]) -> None:
    """Half of a piece arrived; the other half, and no more, is sent again."""
    replies = (created(), trouble(), has(150), took(550), took(950), took(1000), respond(200, upload(status="ready")))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        assert sdk.uploads.create(FILM).status == "ready"
    assert pieces(server) == [(0, FILM[:400]), (150, FILM[150:550]), (550, FILM[550:950]), (950, FILM[950:])]
    assert server.requests[2].method == "HEAD"


def test_a_lost_response_to_the_last_chunk_sends_nothing_again() -> None:
    replies = (created(), took(400), took(800), reset_connection(), has(1000), respond(200, upload(status="ready")))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        assert sdk.uploads.create(FILM).status == "ready"
    assert len(pieces(server)) == 3


def test_only_failures_without_progress_are_raised() -> None:
    crawling = [reply for offset in (100, 200, 300, 400, 500, 600) for reply in (reset_connection(), has(offset))]
    replies = (created(), *crawling, took(1000), respond(200, upload(status="ready")))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        assert sdk.uploads.create(FILM).status == "ready"
    stuck = [reply for _ in range(9) for reply in (reset_connection(), has(400))]
    with scripted_server(created(), took(400), *stuck) as server, client(server.url) as sdk:
        with pytest.raises(kinora.ConnectionFailed):
            sdk.uploads.create(FILM)
        assert [offset for offset, _ in pieces(server)] == [0, 400, 400, 400]
    back_and_forth = [reply for _ in range(9) for reply in (took(400), reset_connection(), has(0))]
    with scripted_server(created(), *back_and_forth) as server, client(server.url) as sdk:
        with pytest.raises(kinora.ConnectionFailed):
            sdk.uploads.create(FILM)
        assert len(pieces(server)) < 9


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "not_found", kinora.NotFound),
        (410, "expired", kinora.Expired),
        (413, "payload_too_large", kinora.TooLarge),
        (403, "missing_scope", kinora.Forbidden),
    ],
)
def test_a_lasting_failure_is_raised_at_once(status: int, code: str, kind: type[kinora.APIError]) -> None:
    with scripted_server(created(), respond(status, problem(status, code))) as server, client(server.url) as sdk:
        with pytest.raises(kind):
            sdk.uploads.create(FILM)
        assert len(server.requests) == 2


def test_a_long_retry_after_is_not_waited_for() -> None:
    busy = respond(503, problem(503, "unavailable"), retry_after="3600")
    with scripted_server(created(), busy) as server, client(server.url) as sdk, pytest.raises(kinora.Unavailable):
        sdk.uploads.create(FILM)


def test_a_create_whose_response_was_lost_is_retried_with_its_key() -> None:
    replies = (reset_connection(), created(), took(400), took(800), took(1000), respond(200, upload(status="ready")))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        sdk.uploads.create(FILM)
    assert server.requests[0].headers["idempotency-key"] == server.requests[1].headers["idempotency-key"]


def test_a_refused_upload_says_why() -> None:
    refused = upload(status="refused", kind="unknown", error={"code": "invalid", "message": "The video has no frames."})
    replies = (
        created(),
        took(400),
        took(800),
        took(1000),
        respond(200, upload(status="receiving")),
        respond(200, refused),
    )
    with (
        scripted_server(*replies) as server,
        client(server.url) as sdk,
        pytest.raises(kinora.UploadRefused, match="has no frames") as caught,
    ):
        sdk.uploads.create(FILM)
    assert caught.value.upload.id == "upload_1"


def test_resume_sends_only_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(FILM)
    known = respond(200, upload(status="receiving", kind="unknown", offset=700))
    with scripted_server(known, took(1000), respond(200, upload(status="ready"))) as server, client(server.url) as sdk:
        assert sdk.uploads.resume("upload_1", tmp_path / "film.mp4").status == "ready"
    assert pieces(server) == [(700, FILM[700:])]
    (tmp_path / "film.mp4").write_bytes(FILM[1:])
    with (
        scripted_server(respond(200, upload(status="receiving"))) as server,
        client(server.url) as sdk,
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
def test_every_kind_of_file_is_sent_from_its_position(file: Callable[[], Any]) -> None:
    replies = (
        created(),
        reset_connection(),
        has(0),
        took(400),
        took(800),
        took(1000),
        respond(200, upload(status="ready")),
    )
    with scripted_server(*replies) as server, client(server.url) as sdk:
        sdk.uploads.create(file())
    assert b"".join(content for _, content in pieces(server)[1:]) == FILM


def test_a_text_file_and_a_shrinking_file_are_refused(tmp_path: Path) -> None:
    with scripted_server() as server, client(server.url) as sdk:
        with pytest.raises(TypeError, match="binary mode"):
            sdk.uploads.create(io.StringIO("text"))  # type: ignore[arg-type]
        assert not server.requests
    path = tmp_path / "film.mp4"
    path.write_bytes(FILM)
    with (
        scripted_server(created(), took(400)) as server,
        client(server.url) as sdk,
        pytest.raises(ValueError, match="shorter"),
    ):
        sdk.uploads.create(path, on_created=lambda _: path.write_bytes(b""))


def test_an_upload_may_stand_for_a_file_or_a_video() -> None:
    replies = [respond(200, upload()), *(respond(200, video()) for _ in range(3))]
    with scripted_server(*replies) as server, client(server.url) as sdk:
        one = sdk.uploads.get("upload_1")
        sdk.videos.create(prompt="a", first_frame=one, storyboard=[{"at": 1, "upload": one}])
        sdk.videos.extend(video=one, seconds=1)
        sdk.videos.create(prompt="a", first_frame=b"\x89PNG", last_frame=one)
    _, create, extend, form = server.requests
    assert json.loads(create.body) == {
        "prompt": "a",
        "first_frame": "upload_1",
        "storyboard": [{"at": 1, "upload": "upload_1"}],
    }
    assert json.loads(extend.body) == {"video": "upload_1", "seconds": 1}
    assert b'name="last_frame"\r\n\r\nupload_1' in form.body


async def test_the_async_client_uploads_too() -> None:
    heard: list[int] = []

    async def hear(have: int, _: int) -> None:
        heard.append(have)

    replies = (
        created(),
        reset_connection(),
        has(150),
        took(550),
        took(950),
        took(1000),
        respond(200, upload(status="ready")),
    )
    with scripted_server(*replies) as server:
        async with AsyncKinora(api_key="k", base_url=server.url, retry_pause=0.001, upload_chunk_size=400) as sdk:
            assert (await sdk.uploads.create(FILM, on_progress=hear)).status == "ready"
    assert heard == [150, 550, 950, 1000]


@pytest.mark.parametrize("file", [("a", io.BytesIO(FILM), "video/mp4"), ("a", FILM, "video/mp4", {}), (None, FILM)])
def test_a_file_has_every_form_that_openai_takes(file: Any) -> None:
    replies = (created(), took(400), took(800), took(1000), respond(200, upload(kind="video", status="ready")))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        sdk.uploads.create(file)
    typed = "filename YQ==,filetype dmlkZW8vbXA0"
    assert server.requests[0].headers["upload-metadata"] == (typed if file[0] else "filename ZmlsZQ==")
    assert b"".join(piece for _, piece in pieces(server)) == FILM


def test_the_name_of_a_file_is_refused_with_what_to_pass() -> None:
    with scripted_server() as server, client(server.url) as sdk:
        with pytest.raises(TypeError, match=r"pass pathlib\.Path\('boat\.mp4'\)"):
            sdk.uploads.create("boat.mp4")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="not int"):
            sdk.uploads.create(7)  # type: ignore[arg-type]
    assert not server.requests
