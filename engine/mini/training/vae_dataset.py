"""The autoencoder's training data: crops of rendered clips and of single frames.

A single frame costs a tenth of a clip and is worth as much for colours and outlines, so there are many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from engine.mini.dataset.arrays import ByteArray
from engine.mini.dataset.renderer import RenderedClip, render_clip
from engine.mini.dataset.scenes import random_scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.mini.training.config import TrainingConfig

WHOLE: Final = 0.15  # share of the clips that are whole frames, with their borders
LONG: Final = 0.4  # share of the other clips that are 17 frames long; the rest have 9, which are cheaper
LATEST: Final = 6  # seconds into its motion at which a clip may begin


@dataclass(frozen=True, slots=True)
class VideoBatch:
    """`video` [B, 3, F, H, W] in -1..1 and the coverage of the things, `mask` [B, 1, F, H, W]."""

    video: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> VideoBatch:
        return VideoBatch(self.video.to(device), self.mask.to(device))


class CropDataset(IterableDataset[tuple[VideoBatch, VideoBatch]]):
    """An endless stream of (clips, single frames), one pair per training step."""

    def __init__(self, config: TrainingConfig, seed: int) -> None:
        self.recipe, self.seed = config, seed

    def __iter__(self) -> Iterator[tuple[VideoBatch, VideoBatch]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield self._clip_batch(rng), square_crops(self.recipe, rng, scenes=self.recipe.pictures, frames=1)

    def _clip_batch(self, rng: np.random.Generator) -> VideoBatch:
        if rng.random() < WHOLE:
            return whole_frames(self.recipe, rng, scenes=max(1, self.recipe.clips // 2), frames=17)
        return square_crops(self.recipe, rng, scenes=self.recipe.clips, frames=17 if rng.random() < LONG else 9)


def crop_loader(config: TrainingConfig, seed: int, workers: int) -> Iterator[tuple[VideoBatch, VideoBatch]]:
    """Batches drawn by `workers` processes, or by this one if there are none."""
    return iter(DataLoader(CropDataset(config, seed), batch_size=None, num_workers=workers))


def to_video(frames: ByteArray) -> Tensor:
    """uint8 [F, H, W, 3] to float32 [3, F, H, W] in -1..1."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2).float() / 127.5 - 1


def square_crops(config: TrainingConfig, rng: np.random.Generator, *, scenes: int, frames: int) -> VideoBatch:
    """Square crops of random clips: of each scene one around a thing and one from anywhere.

    Corners lie on whole cells, as they do in whole frames.
    """
    videos, masks = [], []
    for _ in range(scenes):
        clip = _random_clip(config, rng, frames)
        for left, top in (_corner_near_thing(config, rng, clip), _random_corner(config, rng, clip)):
            piece = np.s_[:, top : top + config.crop, left : left + config.crop]
            videos.append(to_video(clip.frames[piece]))
            masks.append(torch.from_numpy(clip.mask[piece])[None])
    return VideoBatch(torch.stack(videos), torch.stack(masks))


def whole_frames(config: TrainingConfig, rng: np.random.Generator, *, scenes: int, frames: int) -> VideoBatch:
    """Whole frames of random clips, all of one shape."""
    shape = _random_shape(config, rng)
    clips = [_random_clip(config, rng, frames, shape) for _ in range(scenes)]
    return VideoBatch(
        torch.stack([to_video(clip.frames) for clip in clips]),
        torch.stack([torch.from_numpy(clip.mask)[None] for clip in clips]),
    )


def _random_clip(
    config: TrainingConfig, rng: np.random.Generator, frames: int, shape: tuple[int, int] | None = None
) -> RenderedClip:
    """A clip of this shape, or of a random one."""
    width, height = shape or _random_shape(config, rng)
    start = float(rng.integers(0, LATEST * config.fps)) / config.fps
    return render_clip(random_scene(rng), width=width, height=height, frames=frames, fps=config.fps, start=start)


def _random_shape(config: TrainingConfig, rng: np.random.Generator) -> tuple[int, int]:
    return config.shapes[int(rng.integers(len(config.shapes)))]


def _corner_near_thing(config: TrainingConfig, rng: np.random.Generator, clip: RenderedClip) -> tuple[int, int]:
    _, height, width = clip.mask.shape
    middle = clip.centres[rng.integers(len(clip.centres)), rng.integers(len(clip.frames))] * (width, height)
    away = rng.uniform(-0.375, 0.375, 2) * config.crop
    x, y = np.rint((middle + away - config.crop / 2) / config.cell) * config.cell
    return int(np.clip(x, 0, width - config.crop)), int(np.clip(y, 0, height - config.crop))


def _random_corner(config: TrainingConfig, rng: np.random.Generator, clip: RenderedClip) -> tuple[int, int]:
    _, height, width = clip.mask.shape
    columns, rows = ((side - config.crop) // config.cell + 1 for side in (width, height))
    return config.cell * int(rng.integers(columns)), config.cell * int(rng.integers(rows))
