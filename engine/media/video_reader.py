"""Reads source videos frame by frame at the frame rate of a clip.

Only files that Kinora wrote itself come here; uploads are re-encoded first, in the sandboxed process of
engine/media/ingest.py.
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

TIME_TOLERANCE: Final = 0.001
"""Seconds by which a frame's time may be off, since files count in ticks."""


class VideoReader:
    """Reads videos at `fps`: frame `n` is the one shown at second `n / fps`, whatever the file's own rate."""

    def __init__(self, fps: int) -> None:
        self._fps = fps

    def count_frames(self, video: Path) -> int:
        """Number of frames at this rate, at least one. Raises EngineError `bad_condition`."""
        with _as_bad_condition(video), av.open(str(video)) as container:
            stream = container.streams.video[0]
            ticks = stream.duration or 0
            return max(1, round(ticks * (stream.time_base or 0) * self._fps))

    def read_frames(self, video: Path, first: int, last: int) -> NDArray[np.uint8]:
        """Frames `first` to `last` as [F, H, W, 3]; the first and last are repeated beyond the video's ends.

        Raises EngineError `bad_condition` when the file cannot be read.
        """
        numbers = [max(0, number) for number in range(first, last + 1)]
        with _as_bad_condition(video):
            frames = list(self._decode_at(video, numbers))
        if not frames:
            raise EngineError("bad_condition", f"The video {video.name} has no frames.")
        return np.stack([*frames, *[frames[-1]] * (len(numbers) - len(frames))])

    def _decode_at(self, video: Path, numbers: list[int]) -> Iterator[NDArray[np.uint8]]:
        """Decode the frames shown at these ascending numbers, up to the end of the video."""
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            container.seek(int(numbers[0] / self._fps * av.time_base), backward=True)
            current: av.VideoFrame | None = None
            waiting = iter(numbers)
            number = next(waiting, None)
            for frame in container.decode(stream):
                while number is not None and current is not None and frame.time > number / self._fps + TIME_TOLERANCE:
                    yield np.asarray(current.to_ndarray(format="rgb24"), np.uint8)
                    number = next(waiting, None)
                if number is None:
                    return
                current = frame
            if number is not None and current is not None:
                yield np.asarray(current.to_ndarray(format="rgb24"), np.uint8)


@contextmanager
def _as_bad_condition(video: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, IndexError) as error:  # includes PyAV's errors; IndexError: no video stream
        raise EngineError("bad_condition", f"The video {video.name} cannot be read: {error}") from error
