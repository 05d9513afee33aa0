"""Shows early what a window will be: one frame of the present guess at it, small and at little cost.

While a window is denoised there is at each step a guess at its clean latents. One of them is decoded alone, which
costs about an eighth of what it costs with its neighbours; denoising waits for that. So a look is taken only where it
is worth its time: when the window still takes a while, and all looks at it stay within a share of its work.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Final

import torch
from PIL import Image

from engine.catalog.model import Size
from engine.diffusion.family import ClipSampler
from engine.media.resize import fit_to_file
from engine.media.thumbnails import PREVIEW, encoded
from engine.media.video_writer import write_whole
from engine.planning.plan import ClipPlan, Window, frame_behind
from engine.runtime.progress import StageRates
from engine.safety.output_gate import finish_frames
from engine.safety.rules import FrameRule
from engine.types import EngineError, PreviewFrame

SIDE: Final = 320
"""Pixels of a preview's longer side."""
FREE: Final = 2
"""Looks after which it is known what one takes: the first may have waited for a device to warm up."""


@dataclass(frozen=True, slots=True)
class PreviewPolicy:
    """When a window is previewed.

    `moments` are the shares of its steps after which a preview shows something new: by default the subject, then its
    final look. It must still have `min_seconds_left` of denoising before it, since otherwise the clip itself comes
    first. All previews of a window may take `max_share` of its work, decoding and writing included.
    """

    moments: tuple[float, ...] = (0.2, 0.55)
    min_seconds_left: float = 2.0
    max_share: float = 0.03


DEFAULT_POLICY: Final = PreviewPolicy()


class Previews:
    """The looks at one clip. `rates` remember what a look takes, for the next clip of the model too."""

    def __init__(
        self,
        plan: ClipPlan,
        rates: StageRates,
        rules: tuple[FrameRule, ...],
        folder: Path,
        policy: PreviewPolicy = DEFAULT_POLICY,
    ) -> None:
        self._policy = policy
        self._plan = plan
        self._rules = rules
        self._rates = rates
        self._folder = folder
        self._pixels = plan.native.width * plan.native.height
        self._taken = 0
        self._window: Window | None = None
        self._looks = 0

    def is_due(self, window: Window, step: int, steps: int, passed: float, work: float) -> bool:
        """Whether to look after `step` of `steps`, which took `passed` seconds; `work` are the seconds of work that a
        window takes in all.
        """
        if window is not self._window:
            self._window, self._looks = window, 0
        moments = self._policy.moments
        if self._looks == len(moments) or step < moments[self._looks] * steps:
            return False
        if passed / step * (steps - step) < self._policy.min_seconds_left:
            return False
        return (self._looks + 1) * self._cost() <= self._policy.max_share * work

    def take_preview(self, recipe: ClipSampler, window: Window) -> PreviewFrame | None:
        """Look at the middle of what a window adds; at a clip's very beginning at its first frame, which is sharpest.

        Not every family knows what it is about to make. A guess that a rule refuses is not shown, and no more comes of
        that: the window is judged when it is made.
        Raises EngineError `bad_frames`, as the window itself would, and `disk_full` or `encode_failed`, as a Film does.
        """
        began = time.monotonic()
        number = window.first + window.new // 2 if window.first else 0
        self._looks += 1
        native = recipe.decode_preview(window, number)
        if native is None:
            return None
        file = self._finished(fit_to_file(native, self._size(), drawn=self._plan.model.flat_drawings))
        self._rates.preview_rates.append((time.monotonic() - began) / self._pixels)
        return None if file is None else PreviewFrame(self._second(window, number), file)

    def _cost(self) -> float:
        """Seconds that a look takes, as most of the last ones did; nothing while nobody knows."""
        glimpses = self._rates.preview_rates
        return median_low(glimpses) * self._pixels if len(glimpses) >= FREE else 0.0

    def _finished(self, frame: torch.Tensor) -> Path | None:
        try:
            floats = frame.permute(0, 2, 3, 1).cpu().numpy()
            [pixels] = finish_frames([floats], self._rules, marked=self._plan.marked)
        except EngineError as error:
            if error.code == "refused_frames":
                return None
            raise
        return self._written(encoded(Image.fromarray(pixels), "JPEG", quality=80))

    def _size(self) -> Size:
        width, height = self._plan.size
        scale = min(1.0, SIDE / max(width, height))
        return Size(max(1, round(width * scale)), max(1, round(height * scale)))

    def _second(self, window: Window, number: int) -> float:
        """Where in the clip a latent of a window is seen."""
        gap = self._plan.gaps[window.gap]
        frame = frame_behind(self._plan.model, gap.origin, number) if number else gap.origin
        return min(max(frame, gap.first), gap.last) / self._plan.fps

    def _written(self, data: bytes) -> Path:
        file = self._folder / PREVIEW.format(self._taken)
        write_whole(file, data)
        self._taken += 1
        return file
