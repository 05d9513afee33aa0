"""The part of a file that is there, on disk beside the file it will be: claimed, written, put into place.

A part belongs to one version of the file, by its ETag, and to one download at a time: a second one beside it takes a
part of its own, so that the two never write into one another.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    from fcntl import LOCK_EX, LOCK_NB, flock


def part_of(target: Path, etag: str, mine: str = "") -> Path:
    """Where the bytes of one version of a file wait for the rest; `mine` makes it one that nobody else looks for."""
    version = hashlib.sha256(etag.encode()).hexdigest()[:12]
    return target.with_name(f".{target.name}.{version}{mine}.part")


class Part:
    """What there is of one version of a file. Without an `etag` nobody can tell versions apart: it is not kept."""

    def __init__(self, target: Path, etag: str) -> None:
        self.etag = etag
        self._target = target
        self._shared = bool(etag)
        path = part_of(target, etag)
        file = _claimed(path) if etag else None
        if file is None:
            self._shared, path = False, part_of(target, etag, f".{secrets.token_hex(4)}")
            file = path.open("x+b")
        self._path: Path | None = path
        self.file: BinaryIO = file
        self.have = file.seek(0, os.SEEK_END)

    def cut(self, length: int) -> None:
        """Keep so many bytes; what is written next comes after them."""
        self.file.truncate(length)
        self.have = self.file.seek(length)

    def finish(self) -> None:
        """Put it into its place. Raises OSError."""
        self.file.flush()
        if sys.platform == "win32":  # where nobody renames a file that is open
            self.file.close()
        if self._path is not None:
            self._path.replace(self._target)
        self._path = None
        self.file.close()

    def leave(self) -> None:
        """Close it; it stays for a later download if there is something in it, and that can be of use."""
        if not (self._shared and self.have):
            self.drop()
        self.file.close()

    def drop(self) -> None:
        """Take it away, unless it is in its place."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._path = None
        self.file.close()


def _claimed(path: Path) -> BinaryIO | None:
    """The file there, made if need be; None if another download has it."""
    while True:
        file = path.open("a+b")
        if not _alone(file):
            file.close()
            return None
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
        file.close()  # put into place between our opening it and our claim


def _alone(file: BinaryIO) -> bool:
    """Whether nobody else has claimed it, which ends with whoever has. On Windows the two would fail, not mix."""
    if sys.platform != "win32":
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
    return True
