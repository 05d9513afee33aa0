"""A short folder for the forkserver's socket, since the kernel takes a socket's path of 107 bytes at most.

Multiprocessing lays its sockets below the system's folder for temporary files, and nothing starts where that is long.
"""

from __future__ import annotations

import multiprocessing.util
import os
import shutil
import tempfile
from multiprocessing import process
from typing import Any, Final

MAX_FOLDER_BYTES: Final = 107 - len("/listener-12345678")
_NAME: Final = "/pymp-12345678"
_SHORT_FOLDERS: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 (a private folder is made in there)


def shorten_socket_folder() -> None:
    """Give multiprocessing a private folder of its own where the one that it would choose is too long for a socket.

    All other temporary files stay where the system wants them. Raises OSError where there is no short folder either.
    """
    settings: dict[str, Any] = process.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
    folder = settings.get("tempdir") or tempfile.gettempdir() + _NAME
    if len(os.fsencode(folder)) <= MAX_FOLDER_BYTES:
        return
    settings["tempdir"] = short = _make_short_folder()
    # Registered as multiprocessing registers its own, so that the folder goes when this process does.
    multiprocessing.util.Finalize(None, shutil.rmtree, args=(short,), kwargs={"ignore_errors": True}, exitpriority=-100)


def _make_short_folder() -> str:
    """A new folder that only this user may enter."""
    for folder in _SHORT_FOLDERS:
        if os.access(folder, os.W_OK | os.X_OK):
            return tempfile.mkdtemp(prefix="kinora-", dir=folder)
    raise OSError(
        f"TMPDIR={tempfile.gettempdir()} is too long for a socket, and none of {', '.join(_SHORT_FOLDERS)} can be "
        "written: set TMPDIR to a shorter folder."
    )
