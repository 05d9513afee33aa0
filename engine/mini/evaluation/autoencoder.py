"""Measures the autoencoder by itself: drawn clips encoded and decoded, which is what no transformer can better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from diffusers import AutoencoderKLLTXVideo
from torch.nn import functional as F

from engine.catalog.model import Size
from engine.media.upscale import upscale_drawing
from engine.mini.dataset.renderer import RenderedClip, render_clip
from engine.mini.dataset.scenes import count_frames
from engine.mini.evaluation.sampling import judge_prompt, peak_snr
from engine.mini.training import train_vae
from engine.mini.training.config import FILE, SMALL, TrainingConfig
from engine.mini.training.vae_dataset import to_video

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.mini.dataset.arrays import ByteArray, FloatArray
    from engine.mini.dataset.scenes import Scene
    from engine.mini.evaluation.detection import Mask
    from engine.mini.evaluation.sampling import EvaluationPrompt
    from engine.mini.evaluation.scores import Trial

VIEW: Final = Size(320, 192)  # at which every autoencoder is compared, whatever it decodes at
OUTLINE: Final = 5  # pixels across the band around an outline


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """An autoencoder with the frame rate and the size of the clips it is measured on."""

    module: AutoencoderKLLTXVideo
    fps: int
    size: Size


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """The trials of a clip that was encoded and decoded and of the same clip drawn, both at `VIEW`. PSNR in dB: of all
    pixels, of the thing's, of those in a band around its outline, and of the first frame.
    """

    trial: Trial
    drawn: Trial
    decibels: tuple[float, float, float, float]


def load_autoencoder(folder: Path, fps: int | None = None) -> Autoencoder:
    """The autoencoder of a folder of weights, or of a training's work folder; `fps` as trained unless given."""
    training = (folder / FILE).exists()
    config = TrainingConfig.read(folder) if training else SMALL
    module = train_vae.load_vae(folder) if training else AutoencoderKLLTXVideo.from_pretrained(folder / "vae").float()
    scale = module.spatial_compression_ratio // SMALL.cell
    return Autoencoder(module, fps or config.fps, Size(160 * scale, 96 * scale))


def reconstruct_scene(coder: Autoencoder, prompt: EvaluationPrompt) -> Reconstruction:
    """A scene drawn, encoded, decoded and enlarged to `VIEW`."""
    drawn = _render_at(prompt.scene, VIEW, coder.fps)
    native = drawn if coder.size == VIEW else _render_at(prompt.scene, coder.size, coder.fps)
    frames = _enlarge(reconstruct_frames(coder.module, native.frames))
    thing, band = drawn.mask > 0.5, _outline_band(drawn.mask)
    parts = (np.s_[:], thing, band, np.s_[:1])
    whole, things, outline, first = (peak_snr(frames[part], drawn.frames[part]) for part in parts)
    return Reconstruction(
        judge_prompt(prompt, frames[:-1], coder.fps),
        judge_prompt(prompt, drawn.frames[:-1], coder.fps),
        (whole, things, outline, first),
    )


def summarise_decibels(results: Sequence[Reconstruction]) -> str:
    whole, thing, outline, first = np.mean([result.decibels for result in results], axis=0)
    moving = [result.decibels[1] for result in results if result.trial.scene.motion != "still"]
    return (
        f"PSNR {whole:.1f} dB, of things {thing:.1f} dB (of those that move {np.mean(moving or [np.nan]):.1f}), "
        f"of outlines {outline:.1f} dB, of frame 0 {first:.1f} dB"
    )


@torch.inference_mode()
def reconstruct_frames(coder: AutoencoderKLLTXVideo, frames: ByteArray) -> ByteArray:
    """Frames, uint8 [8k + 1, H, W, 3], through an autoencoder and back."""
    video = to_video(frames)[None].to(coder.dtype)
    back = coder.decode(coder.encode(video).latent_dist.mode()).sample[0].permute(1, 2, 3, 0)
    pixels: ByteArray = (back.float().clamp(-1, 1) * 127.5 + 128).byte().numpy()
    return pixels


def _render_at(scene: Scene, size: Size, fps: int) -> RenderedClip:
    return render_clip(scene, width=size.width, height=size.height, frames=count_frames(fps), fps=fps)


def _enlarge(frames: ByteArray) -> ByteArray:
    """At `VIEW`, by the upscaler of the engine."""
    if frames.shape[2] == VIEW.width:
        return frames
    pixels = upscale_drawing(torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255, VIEW)
    enlarged: ByteArray = (pixels.clamp(0, 1) * 255 + 0.5).byte().permute(0, 2, 3, 1).numpy()
    return enlarged


def _outline_band(mask: FloatArray) -> Mask:
    """The pixels within `OUTLINE` // 2 of an outline: where the widest and the narrowest view of the mask differ."""
    pixels = torch.from_numpy(mask > 0.5).float()[:, None]
    wide = F.max_pool2d(pixels, OUTLINE, 1, OUTLINE // 2)
    narrow = -F.max_pool2d(-pixels, OUTLINE, 1, OUTLINE // 2)
    band: Mask = (wide > narrow)[:, 0].numpy()
    return band
