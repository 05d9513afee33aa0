"""Writes a model folder of the real LTX-Video classes with tiny random weights, for tests and measurements.

The layout, the topology (32x32x8 compression, per-token timesteps, T5) and the code that loads it are those
of production; its clips are noise. It takes a fraction of a second and 6 MB, and needs no network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

_LATENT_CHANNELS: Final = 16
_TEXT_WIDTH: Final = 32
_MAX_TOKENS: Final = 128


def write_model(folder: Path | str, seed: int = 0) -> Path:
    """Write the model into `folder` (created) and return it; the same seed writes the same weights.

    The process's own random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = LTXPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
            vae=_tiny_vae(),
            text_encoder=_tiny_text_encoder(),
            tokenizer=byte_tokenizer(),
            transformer=tiny_transformer(),
        )
    pipeline.save_pretrained(folder)
    return Path(folder)


def tiny_transformer() -> LTXVideoTransformer3DModel:
    """Two blocks with random weights."""
    return LTXVideoTransformer3DModel(
        in_channels=_LATENT_CHANNELS,
        out_channels=_LATENT_CHANNELS,
        num_attention_heads=4,
        attention_head_dim=16,
        cross_attention_dim=64,
        num_layers=2,
        caption_channels=_TEXT_WIDTH,
    ).eval()


def _tiny_vae() -> AutoencoderKLLTXVideo:
    vae = AutoencoderKLLTXVideo(
        latent_channels=_LATENT_CHANNELS,
        block_out_channels=(16, 32, 32, 32),
        decoder_block_out_channels=(16, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
        timestep_conditioning=False,
        patch_size=4,
        encoder_causal=True,
        decoder_causal=False,
    ).eval()
    _silence_posterior(vae)
    return vae


def _silence_posterior(vae: AutoencoderKLLTXVideo) -> None:
    """A trained encoder is nearly certain of its latents; the last output channel is its log variance."""
    convolution = vae.encoder.conv_out.conv
    with torch.no_grad():
        convolution.weight[_LATENT_CHANNELS:].zero_()
        convolution.bias[_LATENT_CHANNELS:].fill_(-30.0)


def _tiny_text_encoder() -> T5EncoderModel:
    config = T5Config(vocab_size=260, d_model=_TEXT_WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    return T5EncoderModel(config).eval()


def byte_tokenizer(chat: str | None = None, padding_side: str = "right") -> PreTrainedTokenizerFast:
    """One token per byte, so that it needs no training data; `chat` is a template for those that are spoken to."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate(["<pad>", "</s>", "<unk>", *alphabet])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))  # noqa: S106 (not a secret)
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
        model_max_length=_MAX_TOKENS,
        chat_template=chat,
        padding_side=padding_side,
    )
