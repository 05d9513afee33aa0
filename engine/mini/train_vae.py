"""First stage: the video autoencoder, on crops of drawn clips, with the thing weighted above its scenery.

A plain loss reaches a fine PSNR by erasing the thing, which covers a few pixels in a hundred. So the loss
counts pixels of the thing several times from the first step, and the log shows its PSNR on its own.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.mini import world
from engine.mini.muon import Muon
from engine.mini.parts import new_vae

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import AutoencoderKLLTXVideo

FRAMES: Final = 17
CROP: Final = 64
BATCH: Final = 4
THING_WEIGHT: Final = 6.0
NOISE: Final = 0.12  # added to latents while training, in their own deviations: the transformer is not exact


@dataclass(frozen=True, slots=True)
class Batch:
    """`video` (batch, 3, frames, height, width) in -1..1 and `mask` (batch, 1, frames, height, width)."""

    video: Tensor
    mask: Tensor


def to_video(frames: world.Bytes) -> Tensor:
    """uint8 (frames, height, width, 3) to float32 (3, frames, height, width) in -1..1."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2).float() / 127.5 - 1


def crops(rng: np.random.Generator, *, batch: int = BATCH, size: int = CROP) -> Batch:
    """Square pieces of random clips, three in four of them around the thing; a `size` of 0 is the whole."""
    videos, masks = [], []
    for _ in range(batch):
        scene = world.random_scene(rng)
        width, height = (160, 96) if rng.random() < 0.7 else (96, 160)
        start = float(rng.integers(0, 25)) / world.FPS
        clip = world.draw(scene, width=width, height=height, frames=FRAMES, start=start)
        left, top = _corner(rng, clip, size) if size else (0, 0)
        piece = np.s_[:, top : top + size, left : left + size] if size else np.s_[:]
        videos.append(to_video(clip.frames[piece]))
        masks.append(torch.from_numpy(clip.mask[piece])[None])
        if not size and len(videos) == 1:
            break
    return Batch(torch.stack(videos), torch.stack(masks))


def _corner(rng: np.random.Generator, clip: world.Clip, size: int) -> tuple[int, int]:
    _, height, width = clip.mask.shape
    if rng.random() < 0.25:
        return int(rng.integers(width - size + 1)), int(rng.integers(height - size + 1))
    x, y = clip.centres[rng.integers(len(clip.centres))] * (width, height) + rng.uniform(-24, 24, 2) - size / 2
    return int(np.clip(x, 0, width - size)), int(np.clip(y, 0, height - size))


def noisy(latents: Tensor) -> Tensor:
    return latents + NOISE * latents.detach().std() * torch.randn_like(latents)


def loss(decoded: Tensor, batch: Batch, progress: float) -> Tensor:
    """Weighted squares at first (they settle the colours), then weighted distances and edges (sharpness)."""
    gap = decoded.float() - batch.video
    weight = 1 + (THING_WEIGHT - 1) * F.max_pool3d(batch.mask, (1, 5, 5), 1, (0, 2, 2))
    weight = weight / weight.mean()
    squares = (weight * gap.square()).mean()
    distances = (weight * (gap.square() + 1e-4).sqrt()).mean()
    edges = gap.diff(dim=-1).abs().mean() + gap.diff(dim=-2).abs().mean()
    late = min(1.0, progress * 5)
    return 2 * squares + late * (distances + 0.5 * edges)


def psnr(decoded: Tensor, batch: Batch) -> tuple[float, float]:
    """Peak signal to noise in dB: of the whole picture, and of the thing's pixels alone."""
    gap = ((decoded.float().clamp(-1, 1) - batch.video) / 2).square().mean(1, keepdim=True)
    whole, thing = gap.mean(), (gap * batch.mask).sum() / batch.mask.sum().clamp(min=1)
    return -10 * math.log10(whole + 1e-9), -10 * math.log10(thing + 1e-9)


def train(work: Path, minutes: float, *, rate: float = 0.02, decoder_only: bool = False) -> None:
    """Train until `minutes` have passed in all, going on from `work/vae.pt` where that exists."""
    vae = new_vae().to(torch.bfloat16)
    if decoder_only:
        vae.encoder.requires_grad_(requires_grad=False)
    optimiser = Muon(vae.named_parameters(), names_adam=("decoder.conv_out",))
    file = work / ("decoder.pt" if decoder_only else "vae.pt")
    spent = _resume(file, vae, optimiser)
    rng = np.random.default_rng(optimiser.steps + 1)
    began, told, sums = time.monotonic() - spent, time.monotonic(), []
    while (spent := time.monotonic() - began) < minutes * 60:
        progress = spent / (minutes * 60)
        batch = crops(rng, size=0 if rng.random() < 0.3 * progress else CROP)
        decoded = _through(vae, batch, decoder_only=decoder_only)
        value = loss(decoded, batch, progress)
        value.backward()
        optimiser.step(rate * min(1.0, optimiser.steps / 20) * (1 - progress) + 1e-5)
        sums.append((float(value.detach()), *psnr(decoded.detach(), batch)))
        if time.monotonic() - told > 60:
            told = time.monotonic()
            mean = np.mean(sums, axis=0)
            print(
                f"vae {spent / 60:5.1f} min  step {optimiser.steps:5d}  loss {mean[0]:.4f}  "
                f"psnr {mean[1]:.2f}  thing {mean[2]:.2f}",
                flush=True,
            )
            sums.clear()
            torch.save({"optimiser": optimiser.state_dict(), "spent": spent}, file)
    torch.save({"optimiser": optimiser.state_dict(), "spent": spent}, file)


def _through(vae: AutoencoderKLLTXVideo, batch: Batch, *, decoder_only: bool) -> Tensor:
    with torch.set_grad_enabled(not decoder_only):
        latents = vae.encode(batch.video.to(vae.dtype)).latent_dist.mean
    decoded: Tensor = vae.decode(noisy(latents)).sample
    return decoded


def _resume(file: Path, vae: AutoencoderKLLTXVideo, optimiser: Muon) -> float:
    whole = file.with_name("vae.pt")
    if file != whole:  # the decoder alone, of the whole autoencoder trained before
        vae.load_state_dict(torch.load(whole)["optimiser"]["average"], strict=False)
        optimiser.restart()
    if not file.exists():
        return 0.0
    state = torch.load(file)
    optimiser.load_state_dict(state["optimiser"])
    return float(state["spent"])


def load(work: Path) -> AutoencoderKLLTXVideo:
    """The trained autoencoder (moving averages), with the decoder's further training where there is some."""
    vae = new_vae()
    for file in (work / "vae.pt", work / "decoder.pt"):
        if file.exists():
            vae.load_state_dict(torch.load(file)["optimiser"]["average"], strict=False)
    return vae.eval()
