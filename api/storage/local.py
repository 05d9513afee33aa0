"""Where files lie: a folder with keys for names. Knows no video and no user.

A write is whole or not there: bytes go to a temporary name, are flushed, and are renamed into place.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

CHUNK = 1 << 20


class StoredFile(NamedTuple):
    """A file that is in place: its size in bytes and the SHA-256 of its content."""

    bytes: int
    digest: str


class Storage:
    """Files under one root. Every method blocks on the disk: call it in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file_path(self, key: str) -> Path:
        """Where the key lies. Keys are made by us, never by a client; one that leaves the root is a bug."""
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise ValueError(key)
        return path

    def adopt_file(self, source: Path, key: str) -> StoredFile:
        """Move a finished file in, by rename where the disk is the same; flushed before it is named."""
        target = self._prepare_target(key)
        arriving = target.with_name(f".{target.name}.arriving")
        shutil.move(source, arriving)
        digest = hashlib.sha256()
        with arriving.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
            os.fsync(file.fileno())
        _move_into_place(arriving, target)
        return StoredFile(target.stat().st_size, digest.hexdigest())

    def write_file(self, key: str, content: bytes) -> None:
        """Put bytes under a key."""
        target = self._prepare_target(key)
        arriving = target.with_name(f".{target.name}.arriving")
        with arriving.open("wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        _move_into_place(arriving, target)

    def link_file(self, source: Path, key: str) -> None:
        """Keep a finished file under a further key, whatever becomes of the first; a copy where links do not reach.

        Raises FileNotFoundError.
        """
        target = self._prepare_target(key)
        arriving = target.with_name(f".{target.name}.arriving")
        arriving.unlink(missing_ok=True)  # a copy must never be written into somebody else's link
        try:
            arriving.hardlink_to(source)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, arriving)
        _move_into_place(arriving, target)

    def lock_file(self, key: str) -> int:
        """A file that grows, as a descriptor for one writer at a time; its name is durable before its bytes are.

        Who holds it is a lock of the kernel's, over all processes that share the folder: a writer that dies lets go.
        Raises BlockingIOError where somebody else holds it.
        """
        path = self._prepare_target(key)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise
        _flush_folder(path.parent)
        return file

    def unlock_file(self, file: int) -> None:
        """Let go of a file that is held, also where a child that is about to begin has its descriptor too."""
        fcntl.flock(file, fcntl.LOCK_UN)
        os.close(file)

    def write_at(self, file: int, position: int, content: bytes) -> None:
        """Write bytes at a position of a file that is held; they are durable when this returns."""
        left = memoryview(content)
        while left:
            position += (written := os.pwrite(file, left, position))
            left = left[written:]
        os.fsync(file)

    def read_file(self, key: str) -> bytes:
        """All of a small file. Raises FileNotFoundError."""
        return self.file_path(key).read_bytes()

    def remove_folder(self, prefix: str) -> None:
        """Remove everything under a folder of keys; nothing there is no error. Raises OSError if it cannot."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.file_path(prefix))

    def list_folders(self, prefix: str) -> list[tuple[str, float]]:
        """Names directly under a folder of keys, and when each was last changed (Unix seconds)."""
        found = []
        with suppress(FileNotFoundError), os.scandir(self.file_path(prefix)) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    found.append((entry.name, entry.stat().st_mtime))
        return found

    def used_share(self) -> float:
        """The share of the disk that is used, from 0 to 1."""
        try:
            usage = shutil.disk_usage(self.root)
        except FileNotFoundError:
            self.root.mkdir(parents=True, exist_ok=True)
            usage = shutil.disk_usage(self.root)
        return usage.used / usage.total

    def _prepare_target(self, key: str) -> Path:
        target = self.file_path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def _move_into_place(arriving: Path, target: Path) -> None:
    """Put a flushed file in place for good: a name is safe only once its folder is flushed too."""
    arriving.replace(target)
    _flush_folder(target.parent)


def _flush_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
