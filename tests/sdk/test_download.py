"""Downloads that break: they go on where they broke, and never mix two versions of a file."""

from __future__ import annotations

from pathlib import Path

import kinora
import pytest
from kinora import AsyncKinora, Kinora

from tests.sdk.objects import problem
from tests.sdk.scripted import breaks, says, scripted

FILM = bytes(range(256)) * 64


def rest(begin: int, etag: str = '"v1"') -> dict[str, str]:
    return {"etag": etag, "content_range": f"bytes {begin}-{len(FILM) - 1}/{len(FILM)}"}


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
    assert [path.name for path in tmp_path.iterdir()] == ["boat.mp4"]
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
    part = next(iter(_parts_of(tmp_path, file)))
    part.write_bytes(FILM)
    file.unlink()
    with scripted(says(200, raw=FILM, etag='"v1"')) as script, client(script.url) as sdk:
        sdk.videos.download("video_1", file)
    assert file.read_bytes() == FILM
    assert not part.exists()


def _parts_of(folder: Path, file: Path) -> list[Path]:
    from kinora._download import part_of

    return [part_of(file, '"v1"')]


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


async def test_the_awaited_client_downloads_alike(tmp_path: Path) -> None:
    file = tmp_path / "poster.jpg"
    replies = (breaks(200, FILM[:5000], len(FILM), etag='"v1"'), says(206, raw=FILM[5000:], **rest(5000)))
    with scripted(*replies) as script:
        async with AsyncKinora(api_key="k", base_url=script.url, retry_pause=0.001) as sdk:
            await sdk.videos.download("video_1", file, variant="poster")
    assert file.read_bytes() == FILM
    assert script.asked[0].path == "/v1/videos/video_1/content?variant=poster"
