"""Ties a process to the one that started it, so that a kill never leaves a GPU busy. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PARENT: Final = "KINORA_ENGINE_PARENT"
"""Environment variable by which a process that cannot pass arguments tells a child who its parent is."""

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(deadly: signal.Signals = signal.SIGKILL, *, parent: int | None = None) -> None:
    """Ask Linux to send this process `deadly` when the thread that started it ends; elsewhere do nothing.

    The parent may have died before the request: a process that by then has another parent than `parent`
    (default: the one it has on entry) kills itself. Parent 1 proves nothing, since in a container the real
    one may be 1. Linux watches the *thread*: start children from one that lives as long as the process. The
    setting is lost in a fork, so each generation calls this for itself.
    """
    if sys.platform != "linux":
        return
    expected = os.getppid() if parent is None else parent
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(deadly), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != expected:
        os.kill(os.getpid(), deadly)


if __name__ == "__main__":
    # `python parent_death.py SIGQUIT <pid of the parent> program arguments…` becomes that program, tied to its parent:
    # for programs that know nothing of this, and without running Python between a fork and its exec.
    die_with_parent(signal.Signals[sys.argv[1]], parent=int(sys.argv[2]))
    try:
        os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{sys.argv[3]} cannot be run: {error.strerror}")
