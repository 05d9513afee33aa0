"""Puts a finished file where the user wants it. What is there decides how: it is replaced, written into, or refused.

A regular file is replaced in one step. What cannot be replaced without loss (a device, a pipe, an open descriptor such
as `/dev/stdout`) is written into. Links are followed, and a read-only file is refused, to root too: whoever made it
read-only wants to keep it. The Python SDK has the same rules for downloads.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DESCRIPTOR_FOLDERS = ("/proc/", "/dev/fd")


def check_target(target: Path) -> None:
    """Raises OSError, which says what to do, for a target that cannot be written."""
    mode = _existing_mode(target)
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{target} is a directory; name a file in it.")
    if mode is not None and not (mode & 0o222 and os.access(target, os.W_OK)):
        raise PermissionError(f"{target} is read-only; name another file, or make it writable.")
    if not is_stream(target):
        _check_folder(_real_path(target).parent)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no directory {folder}; create it, or name a file in another one.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"No file can be created in {folder}; name one in another directory.")


def is_stream(target: Path) -> bool:
    """Whether the target is written into, not replaced."""
    mode = _existing_mode(target)
    return mode is not None and (not stat.S_ISREG(mode) or _is_descriptor(target))


@contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """An empty folder for the time of the block, on the target's disk, so that moving a file there is one step."""
    beside = None if is_stream(target) else _real_path(target).parent
    with tempfile.TemporaryDirectory(dir=beside, prefix=".kinora-") as folder:
        yield Path(folder)


def put_into_place(file: Path, target: Path) -> None:
    """Move a file to where the user wants it. Raises OSError; a regular target is then as it was."""
    check_target(target)
    if is_stream(target):
        _copy_into(file, target)
        return
    real = _real_path(target)
    if real.exists():
        file.chmod(stat.S_IMODE(real.stat().st_mode))
    file.replace(real)


def _copy_into(file: Path, target: Path) -> None:
    with file.open("rb") as source, target.open("ab" if target.is_file() else "wb") as sink:
        shutil.copyfileobj(source, sink)
    file.unlink()


def _real_path(target: Path) -> Path:
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
        if os.path.realpath(target.parent).startswith(_DESCRIPTOR_FOLDERS):
            return True
        if not target.is_symlink():
            return False
        target = target.parent / target.readlink()
