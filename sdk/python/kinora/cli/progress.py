"""Progress bars on a terminal; elsewhere, a line for each change of state."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kinora._summary import describe_state

if TYPE_CHECKING:
    from kinora.types import Video


@contextmanager
def show_video_progress(label: str) -> Iterator[Callable[[Video], None]]:
    """A bar from 0 to 100 %; yields a callback for the video as it changes."""
    if not sys.stderr.isatty():
        yield _StateLines(label)
        return
    from tqdm import tqdm

    bar_format = "{desc} {bar} {n:.0f} % {postfix}"
    with tqdm(total=100, desc=label, bar_format=bar_format, file=sys.stderr, dynamic_ncols=True) as bar:

        def update_bar(video: Video) -> None:
            bar.n = video.progress
            bar.set_postfix_str(_remaining_text(video))

        yield update_bar


class _StateLines:
    """Prints the state of a video whenever it changes, for logs."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._last = ""

    def __call__(self, video: Video) -> None:
        state = "in progress" if video.status == "in_progress" else describe_state(video)
        if state != self._last:
            self._last = state
            print(f"{self._label}: {state}", file=sys.stderr, flush=True)


def _remaining_text(video: Video) -> str:
    """What the bar does not show already."""
    if video.status != "in_progress":
        return describe_state(video)
    return "in progress" if video.eta_seconds is None else f"about {video.eta_seconds} s left"


@contextmanager
def show_bytes_progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes; yields a callback for the bytes transferred and the total."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from tqdm import tqdm

    with tqdm(desc=label, unit="B", unit_scale=True, file=sys.stderr, dynamic_ncols=True) as bar:

        def update_bar(received: int, total: int) -> None:
            bar.total = total or None
            bar.update(received - bar.n)

        yield update_bar
