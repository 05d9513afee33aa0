"""What a target is decides how a finished file gets there: it is replaced, written into, or refused."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from engine.media.output_file import check_target, put_into_place, scratch_folder

FILM = bytes(range(256)) * 1024


def save(target: Path) -> None:
    with scratch_folder(target) as folder:
        (folder / "made.mp4").write_bytes(FILM)
        put_into_place(folder / "made.mp4", target)


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    target.chmod(0o600)
    save(target)
    assert target.read_bytes() == FILM
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_device_stays_one_and_nothing_is_made_beside_it(tmp_path: Path) -> None:
    link = tmp_path / "out.mp4"
    link.symlink_to(os.devnull)
    for target in (Path(os.devnull), link):
        with scratch_folder(target) as folder:
            assert not folder.is_relative_to("/dev")
        save(target)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert link.is_symlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has a device that is always full")
def test_a_full_device_is_an_error() -> None:
    with pytest.raises(OSError, match="No space left"):
        save(Path("/dev/full"))


def test_a_named_pipe_is_written_into(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    save(pipe)
    reader.join()
    assert read == [FILM]
    assert pipe.is_fifo()


@pytest.mark.parametrize("old", [b"old", None])
def test_links_are_followed(old: bytes | None, tmp_path: Path) -> None:
    real, link = tmp_path / "there" / "real.mp4", tmp_path / "link.mp4"
    real.parent.mkdir()
    if old is not None:
        real.write_bytes(old)
    link.symlink_to(Path("there") / "real.mp4")
    save(link)
    assert link.is_symlink()
    assert real.read_bytes() == FILM
    assert [path.name for path in real.parent.iterdir()] == ["real.mp4"]


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("nowhere/out.mp4", FileNotFoundError, "There is no directory"),
        ("file/out.mp4", NotADirectoryError, "file"),
        (".", IsADirectoryError, "name a file in it"),
        ("file", PermissionError, "read-only"),
        ("circle", OSError, "symbolic links"),
    ],
)
def test_what_cannot_be_written_is_refused(name: str, kind: type[Exception], says: str, tmp_path: Path) -> None:
    """A read-only file to root too."""
    (tmp_path / "file").touch(mode=0o444)
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(kind, match=says):
        check_target(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="/dev/stdout leads to another kind of file here")
def test_the_file_behind_a_descriptor_is_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as file:
        file.write(b"begins\n")
        file.flush()
        save(Path(f"/dev/fd/{file.fileno()}"))
    assert log.read_bytes() == b"begins\n" + FILM
