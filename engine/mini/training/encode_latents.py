"""Third stage: encodes drawn clips once, so that transformer steps need no drawing and no encoding.

Shards of 64 clips of one shape are written one after another; training reads those that exist and picks up new ones.
Some shards hold clips that begin in the middle of their motion, or with another motion than their scene's: from them
the transformer learns to go on from given frames, so their first frames are always given.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.mini.dataset.motion import MotionChange, MotionReturn
from engine.mini.dataset.renderer import RenderedClip, render_clip
from engine.mini.dataset.scenes import MOTIONS, SECONDS, TIMES, Scene, random_scene
from engine.mini.training import train_vae
from engine.mini.training.components import training_device, training_dtype
from engine.mini.training.config import SPAN, TrainingConfig
from engine.mini.training.vae_dataset import to_video

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from diffusers import AutoencoderKLLTXVideo

SHARD: Final = 64
TOGETHER: Final = 8  # clips encoded at a time
Beginning: TypeAlias = Literal["first", "later", "turned", "returning"]
BEGINNINGS: Final = (0.6, 0.15, 0.12, 0.13)  # share of shards whose clips begin so
LEAST_RETURNING: Final = 6  # latents of a clip that glides from one moment to another, both ends included
LATEST: Final = 15.0  # seconds into its motion that a clip begins
FINE: Final = 4  # parts a side of a cell, where the things' outline is known more finely
WHERE: Final = SPAN + FINE * FINE  # numbers that describe where the things are within one latent


@dataclass(frozen=True, slots=True)
class LatentShard:
    """Clips of one shape. Latents are raw (the autoencoder's own scale), channels first.

    `latents` (clips, channels, frames, rows, columns); `stills` (clips, stills, channels, rows, columns);
    `where` (clips, frames, rows, columns, `WHERE`): how much of the cell the things cover at each of the
    latent's eight frames, then how much of each sixteenth of the cell at the last one. `stills_at` says which
    frames were also encoded alone. The clips begin where their motion does, `later`, or, `turned`, with another
    motion and often another time of day until the frame `TrainingConfig.turn`. Those that are `returning` have `ends`
    latents in front of and behind the glide from one moment to another.
    """

    scenes: list[Scene]
    latents: Tensor
    stills: Tensor
    where: Tensor
    stills_at: tuple[int, ...]
    beginning: Beginning
    ends: tuple[int, int] = (0, 0)


def write_shards(work: Path, minutes: float, *, seed: int) -> None:
    """Write shards under `work/latents` for `minutes`. Give every process its own `seed`."""
    config, vae = TrainingConfig.read(work), train_vae.load_vae(work).to(training_device(), training_dtype())
    folder = work / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, len(list(folder.glob("*.pt")))])
    began, count = time.monotonic(), 0
    while time.monotonic() - began < minutes * 60:
        shape = config.shapes[int(rng.integers(len(config.shapes)))]
        beginning: Beginning = get_args(Beginning)[rng.choice(len(BEGINNINGS), p=BEGINNINGS)]
        file = folder / f"{shape[0]}x{shape[1]}-{seed}-{time.time_ns()}.pt"
        torch.save(_encode_shard(vae, config, rng, shape, beginning), file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
        count += SHARD
        print(f"latents {(time.monotonic() - began) / 60:5.1f} min  clips {count}", flush=True)


def _random_return(
    config: TrainingConfig, frames: int, start: float, ends: tuple[int, int], rng: np.random.Generator
) -> MotionReturn:
    """A glide between the latents given in front and those behind: up to five seconds back in the motion, as in a loop,
    or forward.
    """
    leave, arrive = SPAN * (ends[0] - 1), frames - SPAN * ends[1]
    skip = float(rng.uniform(-SECONDS, SECONDS))
    return MotionReturn(leave, arrive, max(0.0, start + leave / config.fps + skip))


def read_shard(file: Path) -> LatentShard:
    return LatentShard(**torch.load(file, weights_only=False))  # our own file: it holds Scene objects


@torch.no_grad()
def _encode_shard(
    vae: AutoencoderKLLTXVideo,
    config: TrainingConfig,
    rng: np.random.Generator,
    shape: tuple[int, int],
    beginning: Beginning,
) -> dict[str, object]:
    scenes = [random_scene(rng) for _ in range(SHARD)]
    ends = (int(rng.integers(1, 4)), int(rng.integers(1, 3))) if beginning == "returning" else (0, 0)
    frames = _frame_count(config, beginning, rng)
    stills_at = (int(rng.integers(SPAN // 2, frames - SPAN // 2)), frames - 1)
    latents: list[Tensor] = []
    stills: list[Tensor] = []
    where: list[Tensor] = []
    for first in range(0, SHARD, TOGETHER):
        clips = [
            _render_scene(config, scene, shape, frames, beginning, ends, rng)
            for scene in scenes[first : first + TOGETHER]
        ]
        video = torch.stack([to_video(clip.frames) for clip in clips]).to(vae.device, vae.dtype)
        latents.append(vae.encode(video).latent_dist.mean.bfloat16().cpu())
        alone = [vae.encode(video[:, :, [i]]).latent_dist.mean[:, :, 0].bfloat16().cpu() for i in stills_at]
        stills.append(torch.stack(alone, dim=1))
        where.extend(thing_coverage(torch.from_numpy(clip.mask), config.cell).to(torch.bfloat16) for clip in clips)
    return {
        "scenes": scenes,
        "latents": torch.cat(latents),
        "stills": torch.cat(stills),
        "where": torch.stack(where),
        "stills_at": stills_at,
        "beginning": beginning,
        "ends": ends,
    }


def _render_scene(
    config: TrainingConfig,
    scene: Scene,
    shape: tuple[int, int],
    frames: int,
    beginning: Beginning,
    ends: tuple[int, int],
    rng: np.random.Generator,
) -> RenderedClip:
    start = 0.0 if beginning == "first" else float(rng.uniform(0, LATEST))
    turn: MotionChange | MotionReturn | None = None
    if beginning == "turned":
        turn = _random_change(config.turn, rng)
    elif beginning == "returning":
        turn = _random_return(config, frames, start, ends, rng)
    return render_clip(scene, width=shape[0], height=shape[1], frames=frames, fps=config.fps, start=start, turn=turn)


def _frame_count(config: TrainingConfig, beginning: Beginning, rng: np.random.Generator) -> int:
    """Frames of a shard's clips. Those that return are as long as a window that has room for a glide between its ends:
    it is learnt as a whole.
    """
    if beginning != "returning":
        return config.frames
    lengths = [(length, share) for length, share in config.windows if length >= LEAST_RETURNING]
    shares = np.array([share for _, share in lengths])
    return SPAN * (lengths[rng.choice(len(lengths), p=shares / shares.sum())][0] - 1) + 1


def _random_change(frame: int, rng: np.random.Generator) -> MotionChange:
    """Another motion at first, and in half of the cases another time of day as well."""
    time_of_day = str(rng.choice(TIMES)) if rng.random() < 0.5 else ""
    return MotionChange(str(rng.choice(MOTIONS)), frame, time_of_day)


def thing_coverage(mask: Tensor, cell: int) -> Tensor:
    """Things' coverage (frames, height, width) to (latent frames, rows, columns, `WHERE`), as `LatentShard` says.

    The first latent holds one frame, which counts eight times.
    """
    cells = F.avg_pool2d(mask[:, None], cell)[:, 0]
    cells = torch.cat([cells[:1].expand(SPAN - 1, -1, -1), cells])
    spans = cells.unflatten(0, (-1, SPAN)).permute(0, 2, 3, 1)
    fine = F.pixel_unshuffle(F.avg_pool2d(mask[::SPAN, None], cell // FINE), FINE).permute(0, 2, 3, 1)
    return torch.cat([spans, fine], dim=-1)


def channel_statistics(shards: Iterable[LatentShard]) -> tuple[Tensor, Tensor]:
    """The mean of each channel, and one standard deviation for all of them: the normalisation of the transformer's
    latents.

    One deviation, because the decoder was trained with the same noise on every channel: a channel that varies little
    also matters little, and must not weigh more in the transformer's loss.
    """
    values = torch.cat([shard.latents.float().transpose(0, 1).flatten(1) for shard in shards], dim=1)
    mean = values.mean(dim=1)
    return mean, (values - mean[:, None]).std().expand_as(mean).clone()
