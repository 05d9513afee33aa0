"""The file a user names for a result: what it is decides how it is written.

A regular file, or one that does not exist yet, is replaced in one step once the new one is complete. What cannot be
replaced without loss (a device, a pipe, an open descriptor such as `/dev/stdout`) is written into. Links are followed,
and a read-only file is refused, to root too: whoever made it read-only wants to keep it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from kinora._partial_file import PartialFile
from kinora._sansio import Flow, Sleep

READER_INTERVAL = 0.05  # seconds between two looks for a reader of a named pipe
DESCRIPTOR_FOLDERS = ("/proc/", "/dev/fd")


def check_output(target: Path) -> None:
    """Raises OSError, which says what to do, for a target that cannot be written."""
    mode = _existing_mode(target)
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{target} is a directory; name a file in it.")
    if mode is not None and not (mode & 0o222 and os.access(target, os.W_OK)):
        raise PermissionError(f"{target} is read-only; name another file, or make it writable.")
    if not is_stream(target):
        _check_folder(replaceable_path(target).parent)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no directory {folder}; create it, or name a file in another one.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"No file can be created in {folder}; name one in another directory.")


def is_stream(target: Path) -> bool:
    """Whether the target is written into, not replaced."""
    mode = _existing_mode(target)
    return mode is not None and (not stat.S_ISREG(mode) or _is_descriptor(target))


def replaceable_path(target: Path) -> Path:
    """The regular file behind the links of a target, which may not exist yet."""
    return Path(os.path.realpath(target))


def _existing_mode(target: Path) -> int | None:
    """The mode of what the target leads to; None if that does not exist."""
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _is_descriptor(target: Path) -> bool:
    """Whether links lead to an open descriptor: the file behind it belongs to whoever opened it."""
    while True:
        if os.path.realpath(target.parent).startswith(DESCRIPTOR_FOLDERS):
            return True
        if not target.is_symlink():
            return False
        target = target.parent / target.readlink()


class OutputStream:
    """A device, pipe or descriptor that is written into from where it stands. It cannot be written a second time."""

    def __init__(self, target: Path, file: BinaryIO) -> None:
        self.etag = ""
        self.size = 0
        self.file = file
        self._target = target

    def truncate(self, length: int) -> None:
        """Check that the next write belongs after what has been written. Raises OSError if it does not."""
        if length != self.size:
            raise OSError(errno.ESPIPE, "The download broke off, and what was written cannot be replaced", self._target)

    def complete(self) -> None:
        """Write what is still in memory. Raises OSError."""
        self.file.close()

    def close(self) -> None:
        """Close the file; what could not be written before is dropped."""
        with suppress(OSError):
            self.file.close()

    delete = close


def open_stream(target: Path) -> Flow[OutputStream]:
    """Open what is written into; for a named pipe this waits for a reader. Raises OSError."""
    while True:
        try:
            descriptor = os.open(target, _stream_flags(target))
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(target.stat().st_mode):
                raise
        else:
            if os.name != "nt":
                os.set_blocking(descriptor, True)
            return OutputStream(target, os.fdopen(descriptor, "wb"))
        yield Sleep(READER_INTERVAL)


def _stream_flags(target: Path) -> int:
    """Append to the file behind a descriptor, as a pipe would; open a pipe without blocking the thread."""
    append = os.O_APPEND if stat.S_ISREG(target.stat().st_mode) else 0
    return os.O_WRONLY | append | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


Output = OutputStream | PartialFile


def open_output(target: Path, etag: str) -> Flow[Output]:
    """Open a target to write one version of a file into. Raises OSError."""
    if not is_stream(target):
        return PartialFile(replaceable_path(target), etag)
    stream = yield from open_stream(target)
    stream.etag = etag
    return stream


def write_output(target: Path, content: bytes) -> None:
    """Write a whole file at once. Raises OSError."""
    check_output(target)
    if is_stream(target):
        with target.open("ab" if target.is_file() else "wb") as file:
            file.write(content)
        return
    partial = PartialFile(replaceable_path(target), "")
    try:
        partial.file.write(content)
        partial.complete()
    finally:
        partial.close()
