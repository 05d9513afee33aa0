"""Progress on a terminal; a line for each change of state where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinora.types import Video


@contextmanager
def making(label: str) -> Iterator[Callable[[Video], None]]:
    """A bar from 0 to 100 %; what is yielded takes the video as it changes."""
    if not sys.stderr.isatty():
        yield _Lines(label)
        return
    from tqdm import tqdm

    form = "{desc} {bar} {n:.0f} % {postfix}"
    with tqdm(total=100, desc=label, bar_format=form, file=sys.stderr, dynamic_ncols=True) as bar:

        def show(video: Video) -> None:
            bar.n = video.progress
            bar.set_postfix_str(_state(video))

        yield show


class _Lines:
    """For logs: says only what is new."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._last = ""

    def __call__(self, video: Video) -> None:
        said = video.status if video.status != "queued" or video.queue_position is None else _state(video)
        if said != self._last:
            self._last = said
            print(f"{self._label}: {said}", file=sys.stderr, flush=True)


def _state(video: Video) -> str:
    if video.status == "queued":
        return "queued" if video.queue_position is None else f"queued, {video.queue_position} before it"
    if video.status == "in_progress" and video.eta_seconds is not None:
        return f"about {video.eta_seconds} s left"
    return video.status.replace("_", " ")


@contextmanager
def fetching(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes; what is yielded takes the bytes that are there and those of the whole."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from tqdm import tqdm

    with tqdm(desc=label, unit="B", unit_scale=True, file=sys.stderr, dynamic_ncols=True) as bar:

        def show(have: int, whole: int) -> None:
            bar.total = whole or None
            bar.update(have - bar.n)

        yield show
