"""Third stage: drawn clips turned into latents once, so that transformer steps cost no drawing and no encoding.

Shards of 64 clips of one shape appear one after another; training reads whatever is there and picks up new
ones as they come.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.mini import train_vae, world
from engine.mini.world import FRAMES, Scene

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from diffusers import AutoencoderKLLTXVideo

SHARD: Final = 64
SHAPES: Final = ((160, 96), (160, 96), (160, 96), (160, 96), (96, 160), (128, 128))  # width, height
CELL: Final = 16
SPAN: Final = 8
BALLS: Final = 0.2
STILLS: Final = (FRAMES // 2, FRAMES - 1)  # frames also encoded alone: keyframes a clip may be given


@dataclass(frozen=True, slots=True)
class Shard:
    """Clips of one shape. Latents are raw (the autoencoder's own scale), channels first.

    `latents` (clips, channels, frames, rows, columns); `stills` (clips, stills, channels, rows, columns);
    `where` (clips, frames, rows, columns, 8): how much of the cell the thing covers at each of the latent's
    eight frames.
    """

    scenes: list[Scene]
    latents: Tensor
    stills: Tensor
    where: Tensor


def encode(work: Path, minutes: float, *, seed: int) -> None:
    """Write shards under `work/latents` for `minutes`. Give every process its own `seed`."""
    vae = train_vae.load(work).to(torch.bfloat16)
    folder = work / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, len(list(folder.glob("*.pt")))])
    began, count = time.monotonic(), 0
    while time.monotonic() - began < minutes * 60:
        width, height = SHAPES[int(rng.integers(len(SHAPES)))]
        clips = [_clip(vae, world.random_scene(rng, balls=BALLS), width, height) for _ in range(SHARD)]
        scenes, latents, stills, where = zip(*clips, strict=True)
        state = {
            "scenes": list(scenes),
            "latents": torch.stack(latents),
            "stills": torch.stack(stills),
            "where": torch.stack(where),
        }
        file = folder / f"{width}x{height}-{seed}-{time.time_ns()}.pt"
        torch.save(state, file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
        count += SHARD
        print(f"latents {(time.monotonic() - began) / 60:5.1f} min  clips {count}", flush=True)


def read(file: Path) -> Shard:
    return Shard(**torch.load(file, weights_only=False))  # our own file: it holds Scene objects


@torch.no_grad()
def _clip(vae: AutoencoderKLLTXVideo, scene: Scene, width: int, height: int) -> tuple[Scene, Tensor, Tensor, Tensor]:
    clip = world.draw(scene, width=width, height=height)
    video = train_vae.to_video(clip.frames)[None].to(vae.dtype)
    latents = vae.encode(video).latent_dist.mean[0]
    stills = torch.stack([vae.encode(video[:, :, [i]]).latent_dist.mean[0, :, 0] for i in STILLS])
    return scene, latents, stills, coverage(torch.from_numpy(clip.mask)).to(torch.bfloat16)


def coverage(mask: Tensor) -> Tensor:
    """Thing's coverage (frames, height, width) to (latent frames, rows, columns, 8). The first latent holds
    one frame, which counts eight times.
    """
    cells = F.avg_pool2d(mask[:, None], CELL)[:, 0]
    cells = torch.cat([cells[:1].expand(SPAN - 1, -1, -1), cells])
    spans: Tensor = cells.unflatten(0, (-1, SPAN)).permute(0, 2, 3, 1)
    return spans


def statistics(shards: Iterable[Shard]) -> tuple[Tensor, Tensor]:
    """The mean of each channel, and one deviation for all of them: what the transformer's latents are normed by.

    One deviation, because the decoder was trained with the same noise on every channel: a channel that
    varies little also matters little, and the transformer should not be made to care.
    """
    values = torch.cat([shard.latents.float().transpose(0, 1).flatten(1) for shard in shards], dim=1)
    mean = values.mean(dim=1)
    return mean, (values - mean[:, None]).std().expand_as(mean).clone()
