"""A small classifier of shapes, trained on drawn scenes: `python -m engine.mini.evaluation.shape_classifier`.

Its input is a cropped thing (detection.crop_thing), never a caption or the name of a colour. Training crops are
blurred, bent and noisy, so that it can classify generated clips.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from engine.mini.dataset.arrays import ByteArray
from engine.mini.dataset.renderer import render_clip
from engine.mini.dataset.scenes import THINGS, Scene, random_scene
from engine.mini.evaluation import detection

FILE: Final = Path(__file__).with_suffix(".safetensors")
BATCH: Final = 64
CLIPS: Final = 1200
STEPS: Final = 1200
RATE: Final = 4e-3
LOOKS: Final = 4  # frames of a clip


class ShapeClassifier(nn.Module):
    """(count, 2, CROP, CROP) to the logits of `THINGS`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 40, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(40 * 9, len(THINGS)),
        )

    def forward(self, crops: Tensor) -> Tensor:
        logits: Tensor = self.layers(crops)
        return logits


@torch.no_grad()
def classify_shape(crops: Tensor) -> str:
    """The class of these crops of one thing by the sum of their votes; "" without crops."""
    if not len(crops):
        return ""
    votes = load_classifier()(crops).log_softmax(dim=1).clamp(min=-4).sum(dim=0)
    return THINGS[int(votes.argmax())]


@lru_cache
def load_classifier() -> ShapeClassifier:
    classifier = ShapeClassifier()
    classifier.load_state_dict(load_file(FILE))
    return classifier.eval()


# --- training -------------------------------------------------------------------------------------------


def train_classifier(*, seed: int = 0, file: Path = FILE) -> None:
    """Train from nothing and write `file`; deterministic for a seed."""
    torch.manual_seed(seed)
    crops, labels = labelled_crops(np.random.default_rng(seed), CLIPS)
    classifier = ShapeClassifier()
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=RATE, weight_decay=0.02)
    for step in range(STEPS):
        chosen = torch.randint(len(crops), (BATCH,))
        loss = F.cross_entropy(classifier(_augment_crops(crops[chosen])), labels[chosen], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        optimiser.step()
    save_file(classifier.state_dict(), file)
    file.chmod(0o644)  # some writers leave it readable by its owner alone


def labelled_crops(rng: np.random.Generator, clips: int) -> tuple[Tensor, Tensor]:
    """Crops of things in degraded drawn clips, [count, 2, CROP, CROP], and their indices in `THINGS`."""
    crops, labels = [], []
    for _ in range(clips):
        scene = random_scene(rng)
        kind = detection.SceneryClass(scene.place, scene.time)
        frames = degrade_frames(_motion_blurred(scene, rng), rng)
        things = {scene.colour: scene.thing, **({scene.second[1]: scene.second[0]} if scene.second else {})}
        for found in detection.detect_things(frames, kind):
            if found.colour in things:
                crops.append(detection.crop_thing(frames, found, kind))
                labels += [THINGS.index(things[found.colour])] * len(crops[-1])
    return torch.cat(crops), torch.tensor(labels)


def _motion_blurred(scene: Scene, rng: np.random.Generator) -> ByteArray:
    """Some frames of a clip, each the mean of three moments: moving things leave traces in generated frames."""
    start, apart = rng.uniform(0.2, 5), rng.uniform(0, 0.2)
    moments = [start + apart * step for step in (-1, 0, 1)]
    clips = [render_clip(scene, frames=LOOKS, fps=1, start=moment).frames for moment in moments]
    smeared: ByteArray = np.mean(clips, axis=0).astype(np.uint8)
    return smeared


def degrade_frames(frames: ByteArray, rng: np.random.Generator, *, sigma: float | None = None) -> ByteArray:
    """A clip with the defects of a generated one: Gaussian blur of `sigma` pixels (random up to 2) and some noise."""
    sigma = float(rng.uniform(0.2, 2)) if sigma is None else sigma
    steps = torch.arange(-5, 6)
    weights = torch.exp(-(steps**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float().flatten(0, 1)[:, None]
    for kernel in (weights.view(1, 1, -1, 1), weights.view(1, 1, 1, -1)):
        reach = [5 * (side > 1) for side in kernel.shape]
        pixels = F.conv2d(F.pad(pixels, (reach[3], reach[3], reach[2], reach[2]), mode="replicate"), kernel)
    soft = pixels.view(len(frames), 3, *frames.shape[1:3]).permute(0, 2, 3, 1).numpy()
    noise = np.float32(rng.uniform(1, 6)) * rng.standard_normal(soft.shape, np.float32)
    worse: ByteArray = (soft + noise).clip(0, 255).astype(np.uint8)
    return worse


def _augment_crops(crops: Tensor) -> Tensor:
    """Crops mirrored, shifted, scaled and bent at random."""
    count = len(crops)
    middle = (detection.CROP - 1) / 2 + 1.2 * torch.randn(count, 2)
    half = detection.CROP / 2 * (1 + 0.08 * torch.randn(count, 1))
    bend = F.interpolate(1.2 * torch.randn(count, 2, 4, 4), detection.CROP, mode="bicubic").permute(0, 2, 3, 1)
    varied = detection.sample_crops(crops, torch.cat([middle, half], dim=1), bend)
    mirrored = torch.rand(count, 1, 1, 1) < 0.5
    return torch.where(mirrored, varied.flip(-1), varied)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_classifier()
