"""Downloads that break: they go on where they broke, and never mix two versions of a file."""

from __future__ import annotations

import gzip
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import kinora
import pytest
from kinora import AsyncKinora, Kinora
from kinora._partial_file import partial_path

from tests.sdk.objects import problem
from tests.sdk.scripted import Reply, breaks, says, scripted

FILM = bytes(range(256)) * 64


def rest(begin: int, etag: str = '"v1"') -> dict[str, str]:
    return {"etag": etag, "content_range": f"bytes {begin}-{len(FILM) - 1}/{len(FILM)}"}


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def client(url: str) -> Kinora:
    return Kinora(api_key="k", base_url=url, retry_pause=0.001, max_retries=2)


def test_a_broken_download_goes_on_where_it_broke(tmp_path: Path) -> None:
    file, heard = tmp_path / "boat.mp4", list[tuple[int, int]]()
    replies = (
        breaks(200, FILM[:5000], len(FILM), etag='"v1"'),
        breaks(206, FILM[5000:9000], len(FILM) - 5000, **rest(5000)),
        says(206, raw=FILM[9000:], **rest(9000)),
    )
    with scripted(*replies) as script, client(script.url) as sdk:
        assert sdk.videos.download("video_1", file, on_progress=lambda *said: heard.append(said)) == file
    assert file.read_bytes() == FILM
    assert names(tmp_path) == ["boat.mp4"]
    assert [asked.headers.get("range") for asked in script.asked] == [None, "bytes=5000-", "bytes=9000-"]
    assert script.asked[1].headers["if-range"] == '"v1"'
    assert heard[-1] == (len(FILM), len(FILM))
    assert heard == sorted(heard)


def test_another_process_goes_on_with_what_the_first_left(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    broken = [breaks(200, FILM[:5000], len(FILM), etag='"v1"')]
    nothing = [breaks(206, b"", len(FILM) - 5000, **rest(5000)) for _ in range(3)]
    with scripted(*broken, *nothing) as script, client(script.url) as sdk, pytest.raises(kinora.ConnectionFailed):
        sdk.videos.download("video_1", file)
    assert not file.exists()
    with (
        scripted(says(200, raw=FILM, etag='"v1"'), says(206, raw=FILM[5000:], **rest(5000))) as script,
        client(script.url) as sdk,
    ):
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == FILM
    assert script.asked[1].headers["range"] == "bytes=5000-"


def test_a_part_of_another_version_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    new = FILM[::-1]
    replies = (breaks(200, FILM[:5000], len(FILM), etag='"v1"'), says(200, raw=new, etag='"v2"'))
    with scripted(*replies) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == new


def test_a_part_that_was_whole_only_needs_its_name(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    with scripted(says(200, raw=FILM, etag='"v1"')) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", file)
    part = partial_path(file, '"v1"')
    part.write_bytes(FILM)
    file.unlink()
    with scripted(says(200, raw=FILM, etag='"v1"')) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == FILM
    assert not part.exists()


def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    file.write_bytes(b"old")
    with (
        scripted(*(breaks(200, b"", len(FILM), etag='"v1"') for _ in range(9))) as script,
        client(script.url) as sdk,
        pytest.raises(kinora.ConnectionFailed, match=r"boat\.mp4"),
    ):
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == b"old"


def test_what_is_not_ready_leaves_nothing_behind(tmp_path: Path) -> None:
    with (
        scripted(says(409, problem(409, "not_ready"))) as script,
        client(script.url) as sdk,
        pytest.raises(kinora.Conflict) as caught,
    ):
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert caught.value.code == "not_ready"
    assert not list(tmp_path.iterdir())


def test_a_refusal_that_breaks_off_is_still_one_that_may_pass(tmp_path: Path) -> None:
    replies = (breaks(503, b'{"deta', 100), says(200, raw=FILM, etag='"v1"'))
    with scripted(*replies) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert (tmp_path / "boat.mp4").read_bytes() == FILM


def test_without_a_version_an_earlier_file_stays_too_and_a_break_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "boat.mp4"
    file.write_bytes(b"old")
    broken = [breaks(200, FILM[:5000], len(FILM)) for _ in range(4)]
    with scripted(*broken) as script, client(script.url) as sdk, pytest.raises(kinora.ConnectionFailed):
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["boat.mp4"]
    with scripted(broken[0], says(200, raw=FILM)) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == FILM
    assert all("range" not in asked.headers for asked in script.asked)


def test_a_server_that_ignores_ranges_and_always_breaks_is_given_up(tmp_path: Path) -> None:
    with (
        scripted(*(breaks(200, FILM[:5000], len(FILM), etag='"v1"') for _ in range(9))) as script,
        client(script.url) as sdk,
        pytest.raises(kinora.ConnectionFailed, match="5000"),
    ):
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert len(script.asked) == 4


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
def test_an_answer_whose_length_is_not_known_is_whole_when_it_ends(
    body: bytes, headers: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "boat.mp4"
    heard = list[tuple[int, int]]()
    replies = (in_chunks(body[:100], whole=False, **headers), in_chunks(body[:90], body[90:], whole=True, **headers))
    with scripted(*replies) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", file, on_progress=lambda *said: heard.append(said))
    assert file.read_bytes() == FILM
    assert heard[-1] == (len(FILM), 0)
    assert script.asked[0].headers["accept-encoding"] == "identity"


def test_encoded_bytes_are_not_taken_for_those_of_the_file(tmp_path: Path) -> None:
    """Decoded, the part that came is longer than what was promised, and still not the whole."""
    packed = gzip.compress(FILM)
    encoded = {"etag": '"v1"', "content_encoding": "gzip"}
    replies = (breaks(200, packed[: len(packed) - 9], len(packed), **encoded), says(200, raw=packed, **encoded))
    with scripted(*replies) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert (tmp_path / "boat.mp4").read_bytes() == FILM
    assert len(script.asked) == 2


def test_two_at_once_do_not_write_into_one_another(tmp_path: Path) -> None:
    file, second = tmp_path / "boat.mp4", list[Path]()
    replies = [says(200, raw=FILM, etag='"v1"') for _ in range(2)]
    with scripted(*replies) as script, client(script.url) as sdk:

        def meanwhile(have: int, whole: int) -> None:
            if not second:
                second.append(file)
                sdk.videos.download("video_1", file)
                assert file.read_bytes() == FILM

        sdk.videos.download("video_1", file, on_progress=meanwhile)
    assert file.read_bytes() == FILM
    assert names(tmp_path) == ["boat.mp4"]


def test_one_that_was_interrupted_is_gone_on_with_in_the_same_process(tmp_path: Path) -> None:
    """Even while a traceback still knows it, as in a notebook."""

    def interrupt(have: int, whole: int) -> None:
        raise KeyboardInterrupt

    replies = (says(200, raw=FILM, etag='"v1"'), says(200, raw=FILM, etag='"v1"'))
    with scripted(*replies) as script, client(script.url) as sdk:
        with pytest.raises(KeyboardInterrupt) as caught:
            sdk.videos.download("video_1", tmp_path / "boat.mp4", on_progress=interrupt)
        assert caught.tb is not None
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert names(tmp_path) == ["boat.mp4"]
    assert (tmp_path / "boat.mp4").read_bytes() == FILM


def test_a_version_that_changes_meanwhile_leaves_no_part_behind(tmp_path: Path) -> None:
    partial_path(tmp_path / "boat.mp4", '"v2"').write_bytes(b"longer than the file can be" * 1000)
    replies = (breaks(200, FILM[:5000], len(FILM), etag='"v1"'), says(200, raw=FILM[::-1], etag='"v2"'))
    with scripted(*replies) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", tmp_path / "boat.mp4")
    assert (tmp_path / "boat.mp4").read_bytes() == FILM[::-1]
    assert names(tmp_path) == ["boat.mp4"]


def test_a_folder_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with scripted() as script, client(script.url) as sdk, pytest.raises(IsADirectoryError, match="name a file"):
        sdk.videos.download("video_1", tmp_path)
    assert not script.asked


async def test_the_awaited_client_downloads_alike(tmp_path: Path) -> None:
    file = tmp_path / "poster.jpg"
    replies = (breaks(200, FILM[:5000], len(FILM), etag='"v1"'), says(206, raw=FILM[5000:], **rest(5000)))
    with scripted(*replies) as script:
        async with AsyncKinora(api_key="k", base_url=script.url, retry_pause=0.001) as sdk:
            await sdk.videos.download("video_1", file, variant="poster")
    assert file.read_bytes() == FILM
    assert script.asked[0].path == "/v1/videos/video_1/content?variant=poster"
