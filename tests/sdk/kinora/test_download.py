"""Downloads that break: they resume, and never mix two versions of a file."""

from __future__ import annotations

import gzip
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import kinora
import pytest
from kinora import AsyncKinora, Kinora
from kinora._partial_file import partial_path

from tests.support.api_examples import problem
from tests.support.scripted_server import Reply, break_off, respond, scripted_server

FILM = bytes(range(256)) * 64


def rest(begin: int, etag: str = '"v1"') -> dict[str, str]:
    return {"etag": etag, "content_range": f"bytes {begin}-{len(FILM) - 1}/{len(FILM)}"}


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def client(url: str) -> Kinora:
    return Kinora(api_key="k", base_url=url, retry_pause=0.001, max_retries=2)


def test_a_broken_download_resumes(tmp_path: Path) -> None:
    file, heard = tmp_path / "boat.mp4", list[tuple[int, int]]()
    replies = (
        break_off(200, FILM[:5000], len(FILM), etag='"v1"'),
        break_off(206, FILM[5000:9000], len(FILM) - 5000, **rest(5000)),
        respond(206, raw=FILM[9000:], **rest(9000)),
    )
    with scripted_server(*replies) as server, client(server.url) as sdk:
        assert sdk.videos.download("video_1", file, on_progress=lambda *said: heard.append(said)) == file
    assert file.read_bytes() == FILM
    assert names(tmp_path) == ["boat.mp4"]
    assert [request.headers.get("range") for request in server.requests] == [None, "bytes=5000-", "bytes=9000-"]
    assert server.requests[1].headers["if-range"] == '"v1"'
    assert heard[-1] == (len(FILM), len(FILM))
    assert heard == sorted(heard)


def test_a_later_download_resumes_the_partial_file(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    broken = [break_off(200, FILM[:5000], len(FILM), etag='"v1"')]
    nothing = [break_off(206, b"", len(FILM) - 5000, **rest(5000)) for _ in range(3)]
    with (
        scripted_server(*broken, *nothing) as server,
        client(server.url) as sdk,
        pytest.raises(kinora.ConnectionFailed),
    ):
        sdk.videos.download("video_1", file)
    assert not file.exists()
    with (
        scripted_server(respond(200, raw=FILM, etag='"v1"'), respond(206, raw=FILM[5000:], **rest(5000))) as server,
        client(server.url) as sdk,
    ):
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == FILM
    assert server.requests[1].headers["range"] == "bytes=5000-"


def test_a_partial_file_of_another_version_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    new = FILM[::-1]
    replies = (break_off(200, FILM[:5000], len(FILM), etag='"v1"'), respond(200, raw=new, etag='"v2"'))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == new


def test_a_complete_partial_file_is_only_moved(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    with scripted_server(respond(200, raw=FILM, etag='"v1"')) as server, client(server.url) as sdk:
        sdk.videos.download("video_1", file)
    part = partial_path(file, '"v1"')
    part.write_bytes(FILM)
    file.unlink()
    with scripted_server(respond(200, raw=FILM, etag='"v1"')) as server, client(server.url) as sdk:
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == FILM
    assert not part.exists()


def test_the_target_is_replaced_only_by_a_complete_file(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    file.write_bytes(b"old")
    with (
        scripted_server(*(break_off(200, b"", len(FILM), etag='"v1"') for _ in range(9))) as server,
        client(server.url) as sdk,
        pytest.raises(kinora.ConnectionFailed, match=r"boat\.mp4"),
    ):
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == b"old"


def test_an_error_response_leaves_no_file(tmp_path: Path) -> None:
    with (
        scripted_server(respond(409, problem(409, "not_ready"))) as server,
        client(server.url) as sdk,
        pytest.raises(kinora.Conflict) as caught,
    ):
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert caught.value.code == "not_ready"
    assert not list(tmp_path.iterdir())


def test_a_broken_error_response_is_retried(tmp_path: Path) -> None:
    replies = (break_off(503, b'{"deta', 100), respond(200, raw=FILM, etag='"v1"'))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert (tmp_path / "boat.mp4").read_bytes() == FILM


def test_a_download_without_etag_starts_over(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    file.write_bytes(b"old")
    broken = [break_off(200, FILM[:5000], len(FILM)) for _ in range(4)]
    with scripted_server(*broken) as server, client(server.url) as sdk, pytest.raises(kinora.ConnectionFailed):
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["boat.mp4"]
    with scripted_server(broken[0], respond(200, raw=FILM)) as server, client(server.url) as sdk:
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == FILM
    assert all("range" not in request.headers for request in server.requests)


def test_a_download_that_never_gets_further_is_given_up(tmp_path: Path) -> None:
    with (
        scripted_server(*(break_off(200, FILM[:5000], len(FILM), etag='"v1"') for _ in range(9))) as server,
        client(server.url) as sdk,
        pytest.raises(kinora.ConnectionFailed, match="5000"),
    ):
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert len(server.requests) == 4


def in_chunks(*pieces: bytes, whole: bool, **headers: str) -> Reply:
    """An answer without a length, which ends as such an answer should, or breaks."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"transfer-encoding": "chunked", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        for piece in (*pieces, b"") if whole else pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.flush()
        handler.close_connection = True

    return reply


@pytest.mark.parametrize(
    ("body", "headers"),
    [(FILM, {"etag": '"v1"'}), (gzip.compress(FILM), {"etag": '"v1"', "content_encoding": "gzip"})],
    ids=["plain", "gzip"],
)
def test_a_response_of_unknown_length_is_complete_at_its_end(
    body: bytes, headers: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "boat.mp4"
    heard = list[tuple[int, int]]()
    replies = (in_chunks(body[:100], whole=False, **headers), in_chunks(body[:90], body[90:], whole=True, **headers))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        sdk.videos.download("video_1", file, on_progress=lambda *said: heard.append(said))
    assert file.read_bytes() == FILM
    assert heard[-1] == (len(FILM), 0)
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_encoded_bytes_are_not_counted_as_those_of_the_file(tmp_path: Path) -> None:
    """Decoded, the part that came is longer than what was promised, and still not the whole."""
    packed = gzip.compress(FILM)
    encoded = {"etag": '"v1"', "content_encoding": "gzip"}
    replies = (break_off(200, packed[: len(packed) - 9], len(packed), **encoded), respond(200, raw=packed, **encoded))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert (tmp_path / "boat.mp4").read_bytes() == FILM
    assert len(server.requests) == 2


def test_two_downloads_at_once_use_separate_files(tmp_path: Path) -> None:
    file, second = tmp_path / "boat.mp4", list[Path]()
    replies = [respond(200, raw=FILM, etag='"v1"') for _ in range(2)]
    with scripted_server(*replies) as server, client(server.url) as sdk:

        def meanwhile(have: int, whole: int) -> None:
            if not second:
                second.append(file)
                sdk.videos.download("video_1", file)
                assert file.read_bytes() == FILM

        sdk.videos.download("video_1", file, on_progress=meanwhile)
    assert file.read_bytes() == FILM
    assert names(tmp_path) == ["boat.mp4"]


def test_an_interrupted_download_resumes_in_the_same_process(tmp_path: Path) -> None:
    """Even while a traceback still knows it, as in a notebook."""

    def interrupt(have: int, whole: int) -> None:
        raise KeyboardInterrupt

    replies = (respond(200, raw=FILM, etag='"v1"'), respond(200, raw=FILM, etag='"v1"'))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        with pytest.raises(KeyboardInterrupt) as caught:
            sdk.videos.download("video_1", tmp_path / "boat.mp4", on_progress=interrupt)
        assert caught.tb is not None
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert names(tmp_path) == ["boat.mp4"]
    assert (tmp_path / "boat.mp4").read_bytes() == FILM


def test_a_version_that_changes_meanwhile_leaves_no_partial_file(tmp_path: Path) -> None:
    partial_path(tmp_path / "boat.mp4", '"v2"').write_bytes(b"longer than the file can be" * 1000)
    replies = (break_off(200, FILM[:5000], len(FILM), etag='"v1"'), respond(200, raw=FILM[::-1], etag='"v2"'))
    with scripted_server(*replies) as server, client(server.url) as sdk:
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert (tmp_path / "boat.mp4").read_bytes() == FILM[::-1]
    assert names(tmp_path) == ["boat.mp4"]


def test_a_directory_as_target_is_refused_before_any_request(tmp_path: Path) -> None:
    with scripted_server() as server, client(server.url) as sdk, pytest.raises(IsADirectoryError, match="name a file"):
        sdk.videos.download("video_1", tmp_path)
    assert not server.requests


async def test_the_async_client_downloads_too(tmp_path: Path) -> None:
    file = tmp_path / "poster.jpg"
    replies = (break_off(200, FILM[:5000], len(FILM), etag='"v1"'), respond(206, raw=FILM[5000:], **rest(5000)))
    with scripted_server(*replies) as server:
        async with AsyncKinora(api_key="k", base_url=server.url, retry_pause=0.001) as sdk:
            await sdk.videos.download("video_1", file, variant="poster")
    assert file.read_bytes() == FILM
    assert server.requests[0].path == "/v1/videos/video_1/content?variant=poster"
