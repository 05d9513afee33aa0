"""The opposite of `export`: takes a shipped folder apart into a work folder, so that training goes on from what ships.

What a folder does not hold begins anew: the optimisers' momenta, and the head that says where things are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel
from diffusers.loaders import LTXVideoLoraLoaderMixin
from transformers import PreTrainedTokenizerFast, T5EncoderModel

from engine.mini.training import train_transformer, train_turbo
from engine.mini.training.config import TrainingConfig
from engine.mini.training.muon import Muon

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import Tensor, nn


def unpack_weights(work: Path, folder: Path) -> None:
    """Write every stage's checkpoint as if it had just ended with these weights; minutes count from nothing.

    Raises ValueError if `work` has been trained in already, or its recipe is of another size than the weights.
    """
    if trained := [file.name for file in work.glob("*.pt")]:
        raise ValueError(f"{work} holds {', '.join(sorted(trained))} already; unpack into a folder of its own")
    vae = AutoencoderKLLTXVideo.from_pretrained(folder / "vae")
    transformer = LTXVideoTransformer3DModel.from_pretrained(folder / "transformer")
    config = TrainingConfig.read(work)
    if (config.channels, config.layers) != (transformer.config.in_channels, transformer.config.num_layers):
        raise ValueError(f"{folder} was trained by another recipe than {work}; name it with --recipe")
    T5EncoderModel.from_pretrained(folder / "text_encoder").save_pretrained(work / "text")
    PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer").save_pretrained(work / "text")
    torch.save(_finished_checkpoint(vae.named_parameters()), work / "vae.pt")
    student = train_transformer.TransformerWithProbe(transformer)
    torch.nn.init.zeros_(student.where.weight)  # knowing nothing, it also disturbs nothing at first
    scale = {"mean": vae.latents_mean.clone(), "deviation": vae.latents_std.clone()}
    torch.save(_finished_checkpoint(student.named_parameters()) | scale, work / "transformer.pt")
    if (folder / train_turbo.ADAPTER).exists():
        torch.save(_adapter_checkpoint(folder, transformer) | {"teacher": ""}, work / "turbo.pt")


def _finished_checkpoint(parameters: Iterable[tuple[str, nn.Parameter]]) -> dict[str, Any]:
    return {"optimiser": Muon(parameters).state_dict(), "spent": 0.0}


def _adapter_checkpoint(folder: Path, transformer: LTXVideoTransformer3DModel) -> dict[str, Any]:
    """The LoRA in `folder`, under the names its weights have in a student; inverse of `train_turbo.write_adapter`."""
    student = train_turbo.new_student(transformer)
    weights: dict[str, Tensor] = LTXVideoLoraLoaderMixin.lora_state_dict(folder / train_turbo.ADAPTER)
    for name, parameter in student.named_parameters():
        if parameter.requires_grad:
            shipped = f"transformer.{name.replace(f'.{train_turbo.ADAPTER}.', '.')}"
            parameter.data.copy_(weights[shipped])
    return _finished_checkpoint(student.named_parameters())
