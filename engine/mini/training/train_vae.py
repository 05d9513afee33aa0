"""First stage: the video autoencoder, on crops of drawn clips, with the thing weighted above its scenery.

A plain loss reaches a fine PSNR by erasing the thing, which covers a few pixels in a hundred. So the loss
counts pixels of the thing several times from the first step, and the log shows its PSNR on its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.mini.training.components import new_vae, training_device, worker_count
from engine.mini.training.config import TrainingConfig
from engine.mini.training.muon import Muon
from engine.mini.training.progress import TrainingLog
from engine.mini.training.vae_dataset import VideoBatch, crop_loader

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import AutoencoderKLLTXVideo

THING_WEIGHT: Final = 4.0
NOISE: Final = 0.2  # added to latents while training, in their own deviations: the transformer is not exact


def add_latent_noise(latents: Tensor) -> Tensor:
    return latents + NOISE * latents.detach().std() * torch.randn_like(latents)


def reconstruction_loss(decoded: Tensor, batch: VideoBatch, progress: float) -> Tensor:
    """Weighted squares at first (they settle the colours), then weighted distances and edges (sharpness)."""
    gap = decoded.float() - batch.video
    weight = 1 + (THING_WEIGHT - 1) * F.max_pool3d(batch.mask, (1, 5, 5), 1, (0, 2, 2))
    weight = weight / weight.mean()
    squares = (weight * gap.square()).mean()
    distances = (weight * (gap.square() + 1e-4).sqrt()).mean()
    edges = gap.diff(dim=-1).abs().mean() + gap.diff(dim=-2).abs().mean()
    late = min(1.0, progress * 5)
    return 2 * squares + late * (distances + 0.5 * edges)


def peak_snr(decoded: Tensor, batch: VideoBatch) -> tuple[float, float]:
    """Peak signal to noise in dB: of the whole picture, and of the thing's pixels alone."""
    gap = ((decoded.float().clamp(-1, 1) - batch.video) / 2).square().mean(1, keepdim=True)
    whole, thing = gap.mean(), (gap * batch.mask).sum() / batch.mask.sum().clamp(min=1)
    return -10 * math.log10(whole + 1e-9), -10 * math.log10(thing + 1e-9)


def train_vae(work: Path, minutes: float, *, rate: float = 0.012, decoder_only: bool = False) -> None:
    """Train until `minutes` have passed in all, going on from `work/vae.pt` where that exists."""
    config = TrainingConfig.read(work)
    vae = new_vae(config).to(training_device(), torch.bfloat16)
    if decoder_only:
        vae.encoder.requires_grad_(requires_grad=False)
    optimiser = Muon(vae.named_parameters(), names_adam=("decoder.conv_out",))
    file = work / ("decoder.pt" if decoder_only else "vae.pt")
    spent = _resume_checkpoint(file, vae, optimiser)
    steps = crop_loader(config, optimiser.steps, worker_count())
    with TrainingLog("decoder" if decoder_only else "vae", minutes, spent) as log:
        while log.has_time_left():
            for kind, batch in zip(("clips", "pictures"), next(steps), strict=True):
                value, whole, thing = _backpropagate(
                    vae, batch.to(training_device()), log.time_fraction, decoder_only=decoder_only
                )
                log.add_values(**{kind: value, f"{kind}_db": whole, f"{kind}_thing_db": thing})
            optimiser.step(rate * min(1.0, optimiser.steps / 20, 1.4 * (1 - log.time_fraction)) + 1e-5)
            if log.write_when_due(optimiser.steps):
                torch.save({"optimiser": optimiser.state_dict(), "spent": log.seconds_spent}, file)
        torch.save({"optimiser": optimiser.state_dict(), "spent": log.seconds_spent}, file)


def _backpropagate(
    vae: AutoencoderKLLTXVideo, batch: VideoBatch, progress: float, *, decoder_only: bool
) -> tuple[float, float, float]:
    """Add a batch's gradients; its loss and its two PSNRs."""
    decoded = _reconstruct(vae, batch, decoder_only=decoder_only)
    value = reconstruction_loss(decoded, batch, progress)
    value.backward()
    return (float(value.detach()), *peak_snr(decoded.detach(), batch))


def _reconstruct(vae: AutoencoderKLLTXVideo, batch: VideoBatch, *, decoder_only: bool) -> Tensor:
    with torch.set_grad_enabled(not decoder_only):
        latents = vae.encode(batch.video.to(vae.dtype)).latent_dist.mean
    decoded: Tensor = vae.decode(add_latent_noise(latents)).sample
    return decoded


def _resume_checkpoint(file: Path, vae: AutoencoderKLLTXVideo, optimiser: Muon) -> float:
    whole = file.with_name("vae.pt")
    if file != whole:  # the decoder alone, of the whole autoencoder trained before
        vae.load_state_dict(torch.load(whole, map_location="cpu")["optimiser"]["average"], strict=False)
        optimiser.restart_averages()
    if not file.exists():
        return 0.0
    state = torch.load(file, map_location="cpu")
    optimiser.load_state_dict(state["optimiser"])
    return float(state["spent"])


def load_vae(work: Path) -> AutoencoderKLLTXVideo:
    """The trained autoencoder (moving averages), with the decoder's further training where there is some."""
    vae = new_vae(TrainingConfig.read(work))
    for file in (work / "vae.pt", work / "decoder.pt"):
        if file.exists():
            vae.load_state_dict(torch.load(file, map_location="cpu")["optimiser"]["average"], strict=False)
    return vae.eval()
