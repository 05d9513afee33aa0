"""File storage in a local folder, by key. Knows no video and no user.

Writes are atomic: bytes go to a temporary name, are flushed, and are renamed into place.
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
    """Size in bytes and SHA-256 (hex) of a stored file."""

    bytes: int
    digest: str


class Storage:
    """Files under one root. Every method blocks on the disk: call it in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file_path(self, key: str) -> Path:
        """The path of a key. Keys never come from clients; one that leaves the root is a bug and raises ValueError."""
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise ValueError(key)
        return path

    def adopt_file(self, source: Path, key: str) -> StoredFile:
        """Move a finished file into storage, by rename on the same disk; flushed before it gets its name."""
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
        """Write bytes under a key."""
        target = self._prepare_target(key)
        arriving = target.with_name(f".{target.name}.arriving")
        with arriving.open("wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        _move_into_place(arriving, target)

    def link_file(self, source: Path, key: str) -> None:
        """Store a finished file under another key by a hard link, or by a copy where links are impossible.

        Removing one key leaves the other. Raises FileNotFoundError.
        """
        target = self._prepare_target(key)
        arriving = target.with_name(f".{target.name}.arriving")
        arriving.unlink(missing_ok=True)  # a copy must never be written through an existing link
        try:
            arriving.hardlink_to(source)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, arriving)
        _move_into_place(arriving, target)

    def lock_file(self, key: str) -> int:
        """Open a growing file for one writer at a time; its name is durable before its bytes are.

        The lock is the kernel's (flock), across all processes that share the folder, and ends with its holder.
        Raises BlockingIOError if another writer holds it.
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
        """Unlock and close a file, even if a starting child process has inherited its descriptor."""
        fcntl.flock(file, fcntl.LOCK_UN)
        os.close(file)

    def write_at(self, file: int, position: int, content: bytes) -> None:
        """Write bytes at a position of a locked file; they are durable when this returns."""
        remaining = memoryview(content)
        while remaining:
            position += (written := os.pwrite(file, remaining, position))
            remaining = remaining[written:]
        os.fsync(file)

    def read_file(self, key: str) -> bytes:
        """The content of a small file. Raises FileNotFoundError."""
        return self.file_path(key).read_bytes()

    def remove_folder(self, prefix: str) -> None:
        """Remove a folder of keys with all in it; a missing one is no error. Raises OSError if it cannot."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.file_path(prefix))

    def list_folders(self, prefix: str) -> list[tuple[str, float]]:
        """Names directly under a folder of keys, each with its time of last change (Unix seconds)."""
        names = []
        with suppress(FileNotFoundError), os.scandir(self.file_path(prefix)) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    names.append((entry.name, entry.stat().st_mtime))
        return names

    def used_share(self) -> float:
        """The used share of the disk, from 0 to 1."""
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
    """Rename a flushed file into place; a name is durable only once its folder is flushed too."""
    arriving.replace(target)
    _flush_folder(target.parent)


def _flush_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
