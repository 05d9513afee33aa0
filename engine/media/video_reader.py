"""Films sent in, read frame by frame at the rate at which a clip is made.

Only files that Kinora wrote itself come here: what somebody uploads is taken apart elsewhere, in a process that may
do nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from engine.types import EngineError

ROUNDED: Final = 0.001
"""Seconds by which a frame's time may be off, since files count in ticks."""


class VideoReader:
    """Reads films at `fps`: frame `n` is what a film shows at second `n / fps`, whatever its own rate."""

    def __init__(self, fps: int) -> None:
        self._fps = fps

    def count_frames(self, film: Path) -> int:
        """How many frames a film has at this rate, at least one. Raises EngineError `bad_condition`."""
        with _named(film), av.open(str(film)) as container:
            stream = container.streams.video[0]
            ticks = stream.duration or 0
            return max(1, round(ticks * (stream.time_base or 0) * self._fps))

    def read_frames(self, film: Path, first: int, last: int) -> NDArray[np.uint8]:
        """Frames `first` to `last` as [F, H, W, 3]; before its beginning the first, beyond its end the last.

        Raises EngineError `bad_condition` when the file cannot be read.
        """
        wanted = [max(0, number) for number in range(first, last + 1)]
        with _named(film):
            shown = list(self._at(film, wanted))
        if not shown:
            raise EngineError("bad_condition", f"The film {film.name} holds no picture.")
        return np.stack([*shown, *[shown[-1]] * (len(wanted) - len(shown))])

    def _at(self, film: Path, numbers: list[int]) -> Iterator[NDArray[np.uint8]]:
        """What the film shows at each of these ascending frames, as long as it lasts."""
        with av.open(str(film)) as container:
            stream = container.streams.video[0]
            container.seek(int(numbers[0] / self._fps * av.time_base), backward=True)
            current: av.VideoFrame | None = None
            waiting = iter(numbers)
            number = next(waiting, None)
            for frame in container.decode(stream):
                while number is not None and current is not None and frame.time > number / self._fps + ROUNDED:
                    yield np.asarray(current.to_ndarray(format="rgb24"), np.uint8)
                    number = next(waiting, None)
                if number is None:
                    return
                current = frame
            if number is not None and current is not None:
                yield np.asarray(current.to_ndarray(format="rgb24"), np.uint8)


@contextmanager
def _named(film: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, IndexError) as error:  # PyAV's errors are among these; a film may hold no pictures
        raise EngineError("bad_condition", f"The film {film.name} cannot be read: {error}") from error
