"""What a target is decides how a download is written: replaced, written into, or refused. Nothing stays half."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import IO

import pytest
from kinora import AsyncKinora, Kinora
from kinora.openai import DownloadedContent

from tests.support.scripted_server import ScriptedServer, break_off, respond, scripted_server
from tests.support.sdk_programs import PYTHON

Save = Callable[[Path], None]

FILM = bytes(range(256)) * 1024


def client(server: ScriptedServer) -> Kinora:
    return Kinora(api_key="k", base_url=server.url, retry_pause=0.001, max_retries=2)


def download(target: Path) -> None:
    """A whole download, by both ways there are."""
    with scripted_server(respond(200, raw=FILM, etag='"v1"')) as server, client(server) as sdk:
        assert sdk.videos.download("video_1", target) == target


def write_to_file(target: Path) -> None:
    DownloadedContent(FILM).write_to_file(target)


SAVE = pytest.mark.parametrize("save", [download, write_to_file])


@SAVE
def test_a_device_stays_one(save: Save, tmp_path: Path) -> None:
    link = tmp_path / "out.mp4"
    link.symlink_to(os.devnull)
    for target in (Path(os.devnull), link):
        save(target)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert link.is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@SAVE
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has a device that is always full")
def test_a_full_device_is_an_error_with_its_name(save: Save) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        save(Path("/dev/full"))
    assert caught.value.errno == errno.ENOSPC
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@SAVE
def test_a_named_pipe_is_written_into(save: Save, tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    save(pipe)
    reader.join()
    assert read == [FILM]
    assert pipe.is_fifo()


async def test_the_async_client_waits_for_the_reader_of_a_pipe_without_stopping_its_loop(tmp_path: Path) -> None:
    """The reader begins after the download, in the same process."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    answered = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        respond(200, raw=FILM, etag='"v1"')(handler)
        answered.set()

    with scripted_server(answer) as server:
        async with AsyncKinora(api_key="k", base_url=server.url) as sdk:
            download = asyncio.create_task(sdk.videos.download("video_1", pipe))
            await asyncio.to_thread(answered.wait)
            assert await asyncio.to_thread(pipe.read_bytes) == FILM
            await download


def test_a_pipe_gets_the_rest_after_a_broken_connection(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    rest = {"etag": '"v1"', "content_range": f"bytes 5000-{len(FILM) - 1}/{len(FILM)}"}
    replies = (break_off(200, FILM[:5000], len(FILM), etag='"v1"'), respond(206, raw=FILM[5000:], **rest))
    with scripted_server(*replies) as server, client(server) as sdk:
        sdk.videos.download("video_1", pipe)
    reader.join()
    assert read == [FILM]


def test_another_version_is_not_written_behind_the_first(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    replies = (break_off(200, FILM[:5000], len(FILM), etag='"v1"'), respond(200, raw=FILM[::-1], etag='"v2"'))
    with scripted_server(*replies) as server, client(server) as sdk, pytest.raises(OSError, match="cannot be replaced"):
        sdk.videos.download("video_1", pipe)
    reader.join()
    assert read == [FILM[:5000]]


@SAVE
@pytest.mark.parametrize("old", [b"old", None])
def test_links_are_followed(save: Save, old: bytes | None, tmp_path: Path) -> None:
    real, link, second = tmp_path / "there" / "real.mp4", tmp_path / "link.mp4", tmp_path / "second.mp4"
    real.parent.mkdir()
    if old is not None:
        real.write_bytes(old)
    link.symlink_to(Path("there") / "real.mp4")
    second.symlink_to(link)
    save(second)
    assert second.is_symlink()
    assert link.is_symlink()
    assert real.read_bytes() == FILM
    assert [path.name for path in real.parent.iterdir()] == ["real.mp4"]


@SAVE
def test_a_link_in_a_circle_is_an_error(save: Save, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(link)
    with pytest.raises(OSError, match="symbolic links"):
        save(link)


@SAVE
def test_a_read_only_file_is_refused_to_root_too(save: Save, tmp_path: Path) -> None:
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"kept")
    kept.chmod(0o444)
    with pytest.raises(PermissionError, match=r"kept\.mp4 is read-only"):
        save(kept)
    assert kept.read_bytes() == b"kept"


@SAVE
def test_the_mode_of_a_replaced_file_is_kept(save: Save, tmp_path: Path) -> None:
    private = tmp_path / "private.mp4"
    private.write_bytes(b"old")
    private.chmod(0o600)
    save(private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert private.read_bytes() == FILM


@SAVE
def test_a_long_name_is_no_hindrance(save: Save, tmp_path: Path) -> None:
    target = tmp_path / ("é" * 125 + ".mp4")
    save(target)
    assert target.read_bytes() == FILM


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("nowhere/boat.mp4", FileNotFoundError, "There is no directory"),
        ("file/boat.mp4", NotADirectoryError, "file"),
        (".", IsADirectoryError, "name a file in it"),
        ("file", PermissionError, "read-only"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_asked_for(
    name: str, kind: type[Exception], says: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch(mode=0o444)
    with scripted_server() as server, client(server) as sdk:
        with pytest.raises(kind, match=says):
            sdk.videos.download("video_1", tmp_path / name)
        with pytest.raises(kind, match=says):
            sdk.videos.generate_to_file(tmp_path / name, prompt="a boat")
        with pytest.raises(kind, match=says):
            write_to_file(tmp_path / name)
    assert not server.requests


LIMITED = """
import resource, sys
from kinora import Kinora
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
Kinora(api_key="k", base_url=sys.argv[1]).videos.download("video_1", sys.argv[2])
"""


def run_program(
    program: str, *arguments: object, stdout: int | IO[bytes] = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(PYTHON)}
    return subprocess.run(command, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "boat.mp4"
    target.write_bytes(b"old")
    with scripted_server(respond(200, raw=FILM, etag='"v1"')) as server:
        ended = run_program(LIMITED, server.url, target)
    assert "File too large" in ended.stderr
    assert str(target) in ended.stderr
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["boat.mp4"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="/dev/stdout leads to another kind of file here")
def test_the_file_behind_standard_output_is_appended_to(tmp_path: Path) -> None:
    program = (
        'import sys; from kinora import Kinora; print("begins", flush=True); '
        'Kinora(api_key="k", base_url=sys.argv[1]).videos.download("video_1", "/dev/stdout"); print("ends")'
    )
    target = tmp_path / "both.txt"
    with scripted_server(respond(200, raw=FILM, etag='"v1"')) as server, target.open("ab") as file:
        ended = run_program(program, server.url, stdout=file)
    assert ended.returncode == 0, ended.stderr
    assert target.read_bytes() == b"begins\n" + FILM + b"ends\n"
