"""Imported first by the forkserver that all engine children are forked from; never by anything else.

Importing it sets up that process, which must happen before the seconds that torch and diffusers take to
import.
"""

from __future__ import annotations

import multiprocessing.spawn
import os
import signal

from engine import parent_death

parent_death.die_with_parent(parent=int(os.environ[parent_death.PARENT]))

# A Ctrl-C in a terminal reaches the whole group. What it means for a job is for the worker to say.
signal.signal(signal.SIGINT, signal.SIG_IGN)

# Read when torch loads: threads that wait by spinning make two busy cores twenty times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _without_main(_name_or_path: str) -> None:
    """A child of multiprocessing imports its parent's main module again: here a web server or a test runner."""


multiprocessing.spawn._fixup_main_from_name = _without_main  # type: ignore[attr-defined]  # noqa: SLF001
multiprocessing.spawn._fixup_main_from_path = _without_main  # type: ignore[attr-defined]  # noqa: SLF001
