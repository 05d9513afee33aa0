"""File storage: links, leftovers of earlier tries, keys that leave the root."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from api.storage.local import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "media")


def refuse_links(self: Path, target: Path) -> None:
    raise OSError(errno.EXDEV, f"{self} and {target} lie on two disks")


@pytest.mark.parametrize("one_disk", [True, False])
def test_a_linked_file_outlives_its_first_key(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, *, one_disk: bool
) -> None:
    if not one_disk:
        monkeypatch.setattr(Path, "hardlink_to", refuse_links)
    storage.write_file("videos/a/film.mp4", b"film")
    storage.link_file(storage.file_path("videos/a/film.mp4"), "inputs/b/0.mp4")
    storage.remove_folder("videos/a")
    assert storage.read_file("inputs/b/0.mp4") == b"film"
    assert [file.name for file in storage.file_path("inputs/b").iterdir()] == ["0.mp4"]


def test_a_leftover_link_of_an_earlier_try_is_not_written_through(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.write_file("videos/a/film.mp4", b"one")
    storage.write_file("videos/c/film.mp4", b"another")
    left = storage.file_path("inputs/b/.0.mp4.arriving")
    left.parent.mkdir(parents=True)
    left.hardlink_to(storage.file_path("videos/a/film.mp4"))
    monkeypatch.setattr(Path, "hardlink_to", refuse_links)
    storage.link_file(storage.file_path("videos/c/film.mp4"), "inputs/b/0.mp4")
    assert (storage.read_file("inputs/b/0.mp4"), storage.read_file("videos/a/film.mp4")) == (b"another", b"one")


def test_a_missing_file_cannot_be_linked(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.link_file(storage.file_path("videos/a/film.mp4"), "inputs/b/0.mp4")


def test_a_key_cannot_leave_the_root(storage: Storage) -> None:
    with pytest.raises(ValueError, match="secret"):
        storage.file_path("../secret")
