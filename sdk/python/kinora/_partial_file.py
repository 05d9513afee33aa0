"""A partial file on disk beside its target: locked, written, and moved into the target's place once complete.

It belongs to one version of the file, by ETag, and to one download at a time: a second download at the same time gets
a partial file of its own, so that the two never write into the same one.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    from fcntl import LOCK_EX, LOCK_NB, flock

NAME_LIMIT = 200  # bytes of the target's name in that of its partial file: file systems take 255


def partial_path(target: Path, etag: str, suffix: str = "") -> Path:
    """The partial file of one version of a file; a random `suffix` makes it one that no other download finds."""
    name = os.fsencode(target.name)
    version = hashlib.sha256(etag.encode() + b"\n" + name).hexdigest()[:12]
    shortened = name[:NAME_LIMIT].decode(errors="ignore")
    return target.with_name(f".{shortened}.{version}{suffix}.part")


class PartialFile:
    """The `size` bytes received of one version of a file. Without an `etag` it cannot be resumed and is not kept."""

    def __init__(self, target: Path, etag: str) -> None:
        self.etag = etag
        self._target = target
        self._resumable = bool(etag)
        path = partial_path(target, etag)
        file = _open_locked(path) if etag else None
        if file is None:
            self._resumable, path = False, partial_path(target, etag, f".{secrets.token_hex(4)}")
            file = path.open("x+b")
        self._path: Path | None = path
        self.file: BinaryIO = file
        self.size = file.seek(0, os.SEEK_END)
        if target.exists():  # a file that only its owner may read stays one
            path.chmod(stat.S_IMODE(target.stat().st_mode))

    def truncate(self, length: int) -> None:
        """Keep the first `length` bytes; the next write goes after them."""
        self.file.truncate(length)
        self.size = self.file.seek(length)

    def complete(self) -> None:
        """Replace the target. Raises OSError."""
        self.file.flush()
        if sys.platform == "win32":  # where an open file cannot be renamed
            self.file.close()
        if self._path is not None:
            self._path.replace(self._target)
        self._path = None
        self.file.close()

    def close(self) -> None:
        """Close the file, and delete it unless a later download can resume from it."""
        if not (self._resumable and self.size):
            self.delete()
        self.file.close()

    def delete(self) -> None:
        """Remove the file, unless it has been moved into place."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._path = None
        with suppress(OSError):  # on a full disk: what is still in memory is not wanted
            self.file.close()


def _open_locked(path: Path) -> BinaryIO | None:
    """The file, created if missing; None if another download has locked it."""
    while True:
        file = path.open("a+b")
        if not _try_lock(file):
            file.close()
            return None
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
        file.close()  # moved into place between our opening and our locking it


def _try_lock(file: BinaryIO) -> bool:
    """Lock the file until its process ends or closes it. On Windows two downloads would fail, not mix."""
    if sys.platform != "win32":
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
    return True
