"""The five components of the bundled model, as the LTX classes of diffusers, and the folder they ship in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXVideoTransformer3DModel,
)
from torch import Tensor
from transformers import T5Config, T5EncoderModel

from engine.mini.training.config import SMALL, TrainingConfig
from engine.placement.hardware import multiplies_bfloat16
from engine.placement.policy import default_dtype

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

HEAD: Final = 32  # width of an attention head
TEXT_WIDTH: Final = 128
TEXT_LENGTH: Final = 64  # tokens a caption may have
QUIET: Final = -8.0  # log variance of the posterior: conditioning frames come back almost without noise


def training_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def training_dtype() -> torch.dtype:
    """The dtype in which this machine trains fastest."""
    name = default_dtype(
        "cuda" if torch.cuda.is_available() else "cpu",
        cpu_bfloat16=multiplies_bfloat16(torch.cpu.get_capabilities()),
    )
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def worker_count() -> int:
    """Processes that draw training data: with a GPU one for nearly every core, with a CPU alone none."""
    return max(1, (os.cpu_count() or 2) - 2) if training_device().type == "cuda" else 0


def new_vae(config: TrainingConfig = SMALL) -> AutoencoderKLLTXVideo:
    """A new autoencoder: patches of an eighth of a cell, then three halvings of width, height and time."""
    vae = AutoencoderKLLTXVideo(
        latent_channels=config.channels,
        patch_size=config.cell // 8,
        patch_size_t=1,
        block_out_channels=config.encoder,
        down_block_types=("LTXVideo095DownBlock3D",) * 3,
        downsample_type=("spatiotemporal",) * 3,
        spatio_temporal_scaling=(True,) * 3,
        layers_per_block=(0, 1, 2, 1),
        decoder_block_out_channels=config.decoder,
        decoder_spatio_temporal_scaling=(True,) * 3,
        decoder_layers_per_block=config.decoder_layers,
        decoder_inject_noise=(False,) * 4,
        upsample_residual=(True,) * 3,
        upsample_factor=(2, 2, 2),
        timestep_conditioning=False,
        encoder_causal=True,
        decoder_causal=False,
        scaling_factor=1.0,
    )
    with torch.no_grad():  # the variance is not learnt: its channel stays where it is put here
        vae.encoder.conv_out.conv.weight[-1].zero_()
        vae.encoder.conv_out.conv.bias[-1] = QUIET
    return vae


def new_transformer(config: TrainingConfig = SMALL) -> LTXVideoTransformer3DModel:
    return LTXVideoTransformer3DModel(
        in_channels=config.channels,
        out_channels=config.channels,
        num_attention_heads=config.heads,
        attention_head_dim=HEAD,
        cross_attention_dim=config.heads * HEAD,
        num_layers=config.layers,
        caption_channels=TEXT_WIDTH,
    )


def new_text_encoder(vocabulary: int) -> T5EncoderModel:
    encoder = T5EncoderModel(
        T5Config(
            vocab_size=vocabulary,
            d_model=TEXT_WIDTH,
            d_kv=32,
            num_heads=4,
            d_ff=256,
            num_layers=3,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
            pad_token_id=0,
            eos_token_id=1,
        )
    )
    bias = encoder.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    with torch.no_grad():
        bias.copy_(_initial_attention_bias(len(bias)))
    return encoder


def _initial_attention_bias(buckets: int) -> Tensor:
    """Initial attention bias [buckets, heads]: one head each for words before, after and around, and one for all.

    The upper half of the buckets are words to the right. Without it the encoder takes very long to learn which of two
    things is named first.
    """
    half = buckets // 2
    bias = torch.zeros(buckets, 4)
    bias[half:, 0] = -6.0
    bias[1:half, 1] = -6.0
    bias[3:half, 2] = bias[half + 3 :, 2] = -3.0
    return bias


def write_folder(
    folder: Path,
    *,
    vae: AutoencoderKLLTXVideo,
    transformer: LTXVideoTransformer3DModel,
    text_encoder: T5EncoderModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    """Write the components as a diffusers folder in bfloat16, readable by every LTX pipeline of diffusers."""
    pipeline = LTXConditionPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=False),
        vae=vae.to(torch.bfloat16),
        text_encoder=text_encoder.to(torch.bfloat16),
        tokenizer=tokenizer,
        transformer=transformer.to(torch.bfloat16),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)  # some writers leave them readable by their owner alone
