"""A module of an operator's whose import ends the process that tries it, as a crash in native code does."""

from __future__ import annotations

import multiprocessing
import os

if multiprocessing.parent_process() is not None:
    os._exit(3)


def rule(_frames: object) -> None:
    """Lets everything through."""
