"""Previews of a window while it is denoised: one frame, small and cheap.

Each denoising step has an estimate of the clean latents. One of them is decoded alone, which costs about an eighth of
decoding it with its neighbours; denoising waits for that. So a preview is taken only when the window still takes a
while, and all previews of a window stay within a share of its work (PreviewPolicy).
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
from engine.media.thumbnails import PREVIEW, encode_image
from engine.media.video_writer import write_whole
from engine.planning.plan import ClipPlan, Window, first_frame_of_latent
from engine.runtime.progress import StageRates
from engine.safety.output_gate import finish_frames
from engine.safety.rules import FrameRule
from engine.types import EngineError, PreviewFrame

MAX_SIDE: Final = 320
"""Pixels of a preview's longer side."""
WARM_UP: Final = 2
"""Previews after which their cost is known: the first may have waited for a device to warm up."""


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
    """Takes the previews of one clip. `rates` keeps what a preview costs, for the next clip of the model too."""

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
        self._written_count = 0
        self._window: Window | None = None
        self._window_previews = 0

    def is_due(self, window: Window, step: int, steps: int, passed: float, work: float) -> bool:
        """Whether to take a preview after `step` of `steps`, which took `passed` seconds so far. `work` is all work
        on a window, in seconds.
        """
        if window is not self._window:
            self._window, self._window_previews = window, 0
        moments = self._policy.moments
        if self._window_previews == len(moments) or step < moments[self._window_previews] * steps:
            return False
        if passed / step * (steps - step) < self._policy.min_seconds_left:
            return False
        return (self._window_previews + 1) * self._seconds_per_preview() <= self._policy.max_share * work

    def take_preview(self, sampler: ClipSampler, window: Window) -> PreviewFrame | None:
        """Preview the middle of a window's new latents; of the clip's first window its first frame, which is sharpest.

        None where the family has no previews, or a frame rule refuses the frame; the window itself is checked when it
        is decoded. Raises EngineError `bad_frames`, as the window itself would, and `disk_full` or `encode_failed`, as
        VideoWriter does.
        """
        started = time.monotonic()
        number = window.first + window.new // 2 if window.first else 0
        self._window_previews += 1
        native = sampler.decode_preview(window, number)
        if native is None:
            return None
        file = self._finish_image(fit_to_file(native, self._preview_size(), drawn=self._plan.model.flat_drawings))
        self._rates.preview_rates.append((time.monotonic() - started) / self._pixels)
        return None if file is None else PreviewFrame(self._clip_second(window, number), file)

    def _seconds_per_preview(self) -> float:
        """Median seconds of the last previews; 0 while that is unknown."""
        glimpses = self._rates.preview_rates
        return median_low(glimpses) * self._pixels if len(glimpses) >= WARM_UP else 0.0

    def _finish_image(self, frame: torch.Tensor) -> Path | None:
        try:
            floats = frame.permute(0, 2, 3, 1).cpu().numpy()
            [pixels] = finish_frames([floats], self._rules, marked=self._plan.marked)
        except EngineError as error:
            if error.code == "refused_frames":
                return None
            raise
        return self._write_image(encode_image(Image.fromarray(pixels), "JPEG", quality=80))

    def _preview_size(self) -> Size:
        width, height = self._plan.size
        scale = min(1.0, MAX_SIDE / max(width, height))
        return Size(max(1, round(width * scale)), max(1, round(height * scale)))

    def _clip_second(self, window: Window, number: int) -> float:
        """Second of the clip at which a latent of a window is shown."""
        gap = self._plan.gaps[window.gap]
        frame = first_frame_of_latent(self._plan.model, gap.origin, number)
        return min(max(frame, gap.first), gap.last) / self._plan.fps

    def _write_image(self, data: bytes) -> Path:
        file = self._folder / PREVIEW.format(self._written_count)
        write_whole(file, data)
        self._written_count += 1
        return file
