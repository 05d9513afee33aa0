"""Trains the video autoencoder on crops of drawn clips: as a whole in the first stage, later the decoder alone.

A plain loss reaches a fine PSNR by erasing the thing, which covers a few pixels in a hundred. So the loss
counts pixels of the thing several times from the first step, and the log shows its PSNR on its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.mini.training.components import new_vae, training_device, training_dtype, worker_count
from engine.mini.training.config import TrainingConfig
from engine.mini.training.muon import Muon
from engine.mini.training.progress import TrainingLog, save_checkpoint
from engine.mini.training.vae_dataset import VideoBatch, crop_loader

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import AutoencoderKLLTXVideo

THING_WEIGHT: Final = 4.0
EARLY: Final = 0.2  # share of the time in which squares alone count, or still count most


@dataclass(frozen=True, slots=True)
class VaeStage:
    """What a stage trains, and how. `rate` is Muon's at its highest. `noise` is added to latents, in their standard
    deviations: the transformer's are not exact. `edges` weights the error of the differences between neighbouring
    pixels; without `keeps_squares` the squared error counts no longer once the colours have settled.
    """

    name: str
    rate: float
    noise: float
    edges: float
    keeps_squares: bool
    decoder_only: bool


WHOLE: Final = VaeStage("vae", rate=0.012, noise=0.2, edges=0.5, keeps_squares=True, decoder_only=False)
# Measured on crops of the smooth world that were not trained on, after 60 steps from the shipped weights: at rate 0.006
# things gain 0.24 dB and the error of edges falls by 5 %, at 0.02 they gain 0.08 dB and whole frames lose 0.27. Higher
# rates win only where the same few crops come round again. Distances and edges from the start cost 0.4 dB.
DECODER: Final = VaeStage("decoder", rate=0.006, noise=0.08, edges=1.0, keeps_squares=False, decoder_only=True)


def add_latent_noise(latents: Tensor, amount: float) -> Tensor:
    return latents + amount * latents.detach().std() * torch.randn_like(latents)


def reconstruction_loss(decoded: Tensor, batch: VideoBatch, progress: float, stage: VaeStage = WHOLE) -> Tensor:
    """Weighted squares at first (they settle the colours), then weighted distances and edges (sharpness)."""
    gap = decoded.float() - batch.video
    weight = 1 + (THING_WEIGHT - 1) * F.max_pool3d(batch.mask, (1, 5, 5), 1, (0, 2, 2))
    weight = weight / weight.mean()
    squares = (weight * gap.square()).mean()
    distances = (weight * (gap.square() + 1e-4).sqrt()).mean()
    edges = gap.diff(dim=-1).abs().mean() + gap.diff(dim=-2).abs().mean()
    if stage.keeps_squares:
        return 2 * squares + min(1.0, progress / EARLY) * (distances + stage.edges * edges)
    return 2 * squares if progress < EARLY else distances + stage.edges * edges


def peak_snr(decoded: Tensor, batch: VideoBatch) -> tuple[float, float]:
    """Peak signal to noise in dB: of the whole picture, and of the thing's pixels alone."""
    gap = ((decoded.float().clamp(-1, 1) - batch.video) / 2).square().mean(1, keepdim=True)
    whole, thing = gap.mean(), (gap * batch.mask).sum() / batch.mask.sum().clamp(min=1)
    return -10 * math.log10(whole + 1e-9), -10 * math.log10(thing + 1e-9)


def train_vae(work: Path, minutes: float, stage: VaeStage = WHOLE) -> None:
    """Train until `minutes` have passed in all, going on from the stage's checkpoint in `work` where there is one."""
    config = TrainingConfig.read(work)
    vae = new_vae(config).to(training_device(), training_dtype())
    if stage.decoder_only:
        vae.encoder.requires_grad_(requires_grad=False)
    optimiser = Muon(vae.named_parameters(), names_adam=("decoder.conv_out",))
    file = work / f"{stage.name}.pt"
    spent = _resume_checkpoint(file, vae, optimiser)
    steps = crop_loader(config, optimiser.steps, worker_count())
    with TrainingLog(stage.name, minutes, spent) as log:
        while log.has_time_left():
            for kind, batch in zip(("clips", "pictures"), next(steps), strict=True):
                value, whole, thing = _backpropagate(vae, batch.to(training_device()), log.time_fraction, stage)
                log.add_values(**{kind: value, f"{kind}_db": whole, f"{kind}_thing_db": thing})
            optimiser.step(stage.rate * min(1.0, optimiser.steps / 20, 1.4 * (1 - log.time_fraction)) + 1e-5)
            if log.write_when_due(optimiser.steps):
                save_checkpoint(file, {"optimiser": optimiser.state_dict(), "spent": log.seconds_spent})
        save_checkpoint(file, {"optimiser": optimiser.state_dict(), "spent": log.seconds_spent})


def _backpropagate(
    vae: AutoencoderKLLTXVideo, batch: VideoBatch, progress: float, stage: VaeStage
) -> tuple[float, float, float]:
    """Add a batch's gradients; its loss and its two PSNRs."""
    decoded = _reconstruct(vae, batch, stage)
    value = reconstruction_loss(decoded, batch, progress, stage)
    value.backward()
    return (float(value.detach()), *peak_snr(decoded.detach(), batch))


def _reconstruct(vae: AutoencoderKLLTXVideo, batch: VideoBatch, stage: VaeStage) -> Tensor:
    with torch.set_grad_enabled(not stage.decoder_only):
        latents = vae.encode(batch.video.to(vae.dtype)).latent_dist.mean
    decoded: Tensor = vae.decode(add_latent_noise(latents, stage.noise)).sample
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
