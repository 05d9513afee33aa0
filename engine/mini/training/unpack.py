"""The inverse of `export`: turns a folder of weights into a work folder, so that training goes on from them.

What the weights lack starts anew: the optimisers' momenta, and the head that predicts where things are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel
from diffusers.loaders import LTXVideoLoraLoaderMixin
from transformers import PreTrainedTokenizerFast, T5EncoderModel

from engine.mini.training import surgery, train_transformer, train_turbo
from engine.mini.training.config import TrainingConfig
from engine.mini.training.muon import Muon

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import Tensor, nn


def unpack_weights(work: Path, folder: Path) -> None:
    """Write every stage's checkpoint as if it had just ended with these weights, fitted to the recipe of `work` by
    surgery; minutes count from zero.

    Raises ValueError if `work` has been trained in already, or its recipe does not extend that of the weights.
    """
    if trained := [file.name for file in work.glob("*.pt")]:
        raise ValueError(f"{work} holds {', '.join(sorted(trained))} already; unpack into a folder of its own")
    config = TrainingConfig.read(work)
    vae = surgery.fit_vae(AutoencoderKLLTXVideo.from_pretrained(folder / "vae"), config)
    shipped = LTXVideoTransformer3DModel.from_pretrained(folder / "transformer")
    transformer = surgery.fit_transformer(shipped, config)
    T5EncoderModel.from_pretrained(folder / "text_encoder").save_pretrained(work / "text")
    PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer").save_pretrained(work / "text")
    torch.save(_finished_checkpoint(vae.named_parameters()), work / "vae.pt")
    student = train_transformer.TransformerWithProbe(transformer)
    torch.nn.init.zeros_(student.where.weight)  # untrained, it must not disturb the layers at first
    scale = {"mean": vae.latents_mean.clone(), "deviation": vae.latents_std.clone()}
    torch.save(_finished_checkpoint(student.named_parameters()) | scale, work / "transformer.pt")
    if (folder / train_turbo.ADAPTER).exists() and config.layers == shipped.config.num_layers:
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
