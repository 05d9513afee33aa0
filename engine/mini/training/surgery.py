"""Turns trained weights into those of a larger configuration that computes the same at first, so that training goes on
from them: larger patches and more residual blocks for the autoencoder, more layers for the transformer.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from engine.mini.training.components import new_transformer, new_vae

if TYPE_CHECKING:
    from collections.abc import Iterable

    from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel

    from engine.mini.training.config import TrainingConfig

ENTRY = "encoder.conv_in.conv.weight"
EXITS = ("decoder.conv_out.conv.weight", "decoder.conv_out.conv.bias")


def fit_vae(vae: AutoencoderKLLTXVideo, config: TrainingConfig) -> AutoencoderKLLTXVideo:
    """An autoencoder of `config` with the weights of `vae`. With patches n times as large it decodes the same frames
    with each pixel repeated n x n times, and encodes frames as `vae` encodes their means over n x n pixels.

    Raises ValueError where the two differ in more than patches and the decoder's finest residual blocks.
    """
    fitted = new_vae(config)
    old, new = vae.config.patch_size, fitted.config.patch_size
    weights = vae.state_dict()
    weights[ENTRY] = _resize_patches(weights[ENTRY].transpose(0, 1), old, new).transpose(0, 1) / (new / old) ** 2
    weights |= {name: _resize_patches(weights[name], old, new) for name in EXITS}
    count = vae.config.decoder_layers_per_block[0]
    blocks = fitted.decoder.up_blocks[-1].resnets[count:]
    _silence(block.conv2.conv for block in blocks)
    _load_weights(fitted, weights, {name for name, _ in _named_within(fitted, blocks)})
    return fitted


def fit_transformer(transformer: LTXVideoTransformer3DModel, config: TrainingConfig) -> LTXVideoTransformer3DModel:
    """A transformer of `config` that computes what `transformer` does: in front of its last layer stand copies of the
    one before that add nothing to the stream, because the last projection of each of their branches is zero.

    Raises ValueError where the two differ in more than the number of layers.
    """
    fitted = new_transformer(config)
    if (count := config.layers - len(transformer.transformer_blocks)) < 0:
        raise ValueError(f"the transformer has {len(transformer.transformer_blocks)} layers, not {config.layers}")
    *layers, last = copy.deepcopy(transformer.transformer_blocks)
    added = [copy.deepcopy(layers[-1] if layers else last) for _ in range(count)]
    for layer in added:
        _silence((layer.attn1.to_out[0], layer.attn2.to_out[0], layer.ff.net[-1]))
    weights = {n: v for n, v in transformer.state_dict().items() if not n.startswith("transformer_blocks.")}
    _load_weights(fitted.transformer_blocks, nn.ModuleList([*layers, *added, last]).state_dict(), set())
    _load_weights(fitted, weights, {f"transformer_blocks.{n}" for n in fitted.transformer_blocks.state_dict()})
    return fitted


def _resize_patches(weight: Tensor, old: int, new: int) -> Tensor:
    """`weight` [colours x old x old, ...] as [colours x new x new, ...], every pixel of a patch repeated."""
    if new % old:
        raise ValueError(f"patches of {old} pixels cannot become patches of {new}")
    patches: Tensor = weight.unflatten(0, (3, old, old))
    return patches.repeat_interleave(new // old, dim=1).repeat_interleave(new // old, dim=2).flatten(0, 2)


@torch.no_grad()
def _silence(layers: Iterable[nn.Module]) -> None:
    """Let these layers return zero."""
    for layer in layers:
        for parameter in layer.parameters():
            parameter.zero_()


def _named_within(model: nn.Module, parts: Iterable[nn.Module]) -> list[tuple[str, Tensor]]:
    """The entries of the model's state that belong to `parts`."""
    held = {id(tensor) for part in parts for tensor in part.state_dict(keep_vars=True).values()}
    return [(name, tensor) for name, tensor in model.state_dict(keep_vars=True).items() if id(tensor) in held]


def _load_weights(model: nn.Module, weights: dict[str, Tensor], added: set[str]) -> None:
    """Load `weights`, which must be all of the model's but those `added`. Raises ValueError."""
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items() if name not in added}
    if shapes != {name: tensor.shape for name, tensor in weights.items()}:
        raise ValueError("the weights were trained by another recipe: their layers differ in number or width")
    model.load_state_dict(weights, strict=False)
