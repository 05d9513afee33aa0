"""LTX-2 of the real classes with tiny random weights, for tests."""

from __future__ import annotations

from typing import Any, Final

from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma4UnifiedConfig,
    Gemma4UnifiedForConditionalGeneration,
)

from engine.testing.tiny_ltx import byte_tokenizer

_TEXT_WIDTH: Final = 32
_VOCABULARY: Final = 260


def ltx2() -> DiffusionPipeline:
    """LTX-2, with everything that makes its sound."""
    return _ltx2_pipeline(_gemma_text_encoder())


def ltx25() -> DiffusionPipeline:
    """LTX-2.5: as LTX-2 with Gemma 4 for its text."""
    return _ltx2_pipeline(_gemma4_text_encoder())


def _ltx2_pipeline(text_encoder: Any) -> DiffusionPipeline:
    audio_vae = _ltx2_audio_vae()
    text = text_encoder.config.text_config
    return LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_ltx2_vae(),
        audio_vae=audio_vae,
        text_encoder=text_encoder,
        tokenizer=byte_tokenizer(padding_side="left"),
        connectors=_ltx2_connectors(text.hidden_size, text.num_hidden_layers),
        transformer=_ltx2_transformer(text.hidden_size),
        vocoder=_ltx2_vocoder(audio_vae.config.output_channels * audio_vae.config.mel_bins),
    )


def _gemma_text_encoder() -> Gemma3ForConditionalGeneration:
    size = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config={
                **size,
                "vocab_size": _VOCABULARY,
                "hidden_size": _TEXT_WIDTH,
                "num_key_value_heads": 2,
                "head_dim": 16,
            },
            vision_config={**size, "hidden_size": 16, "image_size": 32, "patch_size": 8},
            image_token_index=_VOCABULARY - 1,
        )
    ).eval()


def _gemma4_text_encoder() -> Gemma4UnifiedForConditionalGeneration:
    text = {
        "vocab_size": _VOCABULARY,
        "hidden_size": _TEXT_WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 32,
        "head_dim": 16,
        "global_head_dim": 16,
        "layer_types": ["sliding_attention", "full_attention"],
    }
    return Gemma4UnifiedForConditionalGeneration(Gemma4UnifiedConfig(text_config=text)).eval()


def _ltx2_vae() -> AutoencoderKLLTX2Video:
    return AutoencoderKLLTX2Video(
        latent_channels=8,
        block_out_channels=(16, 16, 16),
        down_block_types=("LTX2VideoDownBlock3D",) * 3,
        decoder_block_out_channels=(16, 16, 16),
        layers_per_block=(1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True),
        downsample_type=("spatiotemporal",) * 3,
        upsample_residual=(False,) * 3,
        upsample_factor=(1, 1, 1),
        decoder_causal=False,
    ).eval()


def _ltx2_audio_vae() -> AutoencoderKLLTX2Audio:
    return AutoencoderKLLTX2Audio(
        base_channels=4,
        ch_mult=(1,),
        num_res_blocks=1,
        resolution=32,
        latent_channels=2,
        mel_bins=8,
    ).eval()


def _ltx2_connectors(text_width: int, text_layers: int) -> LTX2TextConnectors:
    return LTX2TextConnectors(
        caption_channels=text_width,
        text_proj_in_factor=text_layers + 1,
        video_connector_num_attention_heads=4,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        audio_connector_num_attention_heads=4,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=32,
        rope_double_precision=False,
        rope_type="split",
    ).eval()


def _ltx2_transformer(text_width: int) -> LTX2VideoTransformer3DModel:
    return LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        caption_channels=text_width,
        rope_double_precision=False,
        rope_type="split",
    ).eval()


def _ltx2_vocoder(mel_channels: int) -> LTX2Vocoder:
    return LTX2Vocoder(
        in_channels=mel_channels,
        hidden_channels=32,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=16000,
    ).eval()
