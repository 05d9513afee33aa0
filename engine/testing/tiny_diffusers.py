"""Writes model folders of the real classes of Wan, LTX-2 and Z-Image with tiny random weights, for tests.

As in engine/testing/tiny_ltx.py, layout and topology are those of production, and their clips are noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLWan,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    Qwen3Config,
    Qwen3Model,
    UMT5Config,
    UMT5EncoderModel,
)

from engine.testing.tiny_ltx import byte_tokenizer
from engine.testing.tiny_ltx2 import ltx2, ltx25

_TEXT_WIDTH: Final = 32
_VOCABULARY: Final = 260
_PATCHES: Final = (32 // 8) ** 2
"""Patches that the image encoder makes of an image, beside its token for the whole."""
_CHAT: Final = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def write_model(kind: str, folder: Path | str, seed: int = 0) -> Path:
    """Write the model of this kind, one of `KINDS`, into `folder` (created) and return it.

    The same seed writes the same weights, and the process's own random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        KINDS[kind]().save_pretrained(folder)
    return Path(folder)


def wan_text() -> DiffusionPipeline:
    """Wan 2.1 from text."""
    return WanPipeline(**_wan_components(), transformer=_wan_transformer())


def wan_two() -> DiffusionPipeline:
    """Wan 2.2 from text, with a second transformer for low noise levels."""
    return WanPipeline(
        **_wan_components(), transformer=_wan_transformer(), transformer_2=_wan_transformer(), boundary_ratio=0.875
    )


def wan_small() -> DiffusionPipeline:
    """Wan 2.2 5B: from text or a first frame, with an autoencoder of its own."""
    vae = _wan_vae(
        z_dim=48,
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
        scale_factor_spatial=16,
        latents_mean=[0.0] * 48,
        latents_std=[1.0] * 48,
    )
    transformer = _wan_transformer(in_channels=48, out_channels=48)
    return WanPipeline(**_wan_components() | {"vae": vae}, transformer=transformer, expand_timesteps=True)


def wan_picture() -> DiffusionPipeline:
    """Wan 2.1 from a first frame, which an image encoder sees too."""
    return WanImageToVideoPipeline(**_wan_components(), **_wan_image_components())


def wan_between() -> DiffusionPipeline:
    """Wan 2.1 between a first and a last frame, both of which the image encoder sees."""
    return WanImageToVideoPipeline(**_wan_components(), **_wan_image_components(pos_embed_seq_len=2 * (1 + _PATCHES)))


def wan_ends() -> DiffusionPipeline:
    """Wan 2.2 from a first and a last frame."""
    first, second = _wan_transformer(in_channels=36), _wan_transformer(in_channels=36)
    return WanImageToVideoPipeline(**_wan_components(), transformer=first, transformer_2=second, boundary_ratio=0.9)


def z_image() -> DiffusionPipeline:
    """Z-Image."""
    text = Qwen3Config(
        vocab_size=_VOCABULARY,
        hidden_size=_TEXT_WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
    )
    transformer = ZImageTransformer2DModel(
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=_TEXT_WIDTH,
        axes_dims=[8, 4, 4],
        axes_lens=[1024, 64, 64],
    ).eval()
    with torch.no_grad():  # the class leaves these as it finds them in memory
        transformer.x_pad_token.fill_(1)
        transformer.cap_pad_token.fill_(1)
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8,) * 4,
            latent_channels=16,
            norm_num_groups=4,
            scaling_factor=0.3611,
            shift_factor=0.1159,
        ).eval(),
        text_encoder=Qwen3Model(text).eval(),
        tokenizer=byte_tokenizer(_CHAT),
        transformer=transformer,
    )


KINDS: Final[Mapping[str, Callable[[], DiffusionPipeline]]] = MappingProxyType(
    {
        each.__name__: each
        for each in (wan_text, wan_two, wan_small, wan_picture, wan_between, wan_ends, ltx2, ltx25, z_image)
    }
)


def _wan_components() -> dict[str, Any]:
    """What all of Wan has."""
    text = UMT5Config(
        vocab_size=_VOCABULARY,
        d_model=_TEXT_WIDTH,
        d_kv=8,
        d_ff=37,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
    )
    return {
        "scheduler": UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        "vae": _wan_vae(),
        "text_encoder": UMT5EncoderModel(text).eval(),
        "tokenizer": byte_tokenizer(),
    }


def _wan_image_components(**changed: Any) -> dict[str, Any]:
    """A transformer that is told what an image encoder sees, and that encoder."""
    sight = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    return {
        "transformer": _wan_transformer(in_channels=36, image_dim=16, added_kv_proj_dim=24, **changed),
        "image_encoder": CLIPVisionModel(sight).eval(),
        "image_processor": CLIPImageProcessor(crop_size=32, size=32),
    }


def _wan_vae(**changed: Any) -> AutoencoderKLWan:
    own = {"z_dim": 16, **changed}
    return AutoencoderKLWan(
        base_dim=3, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True], **own
    ).eval()


def _wan_transformer(**changed: Any) -> WanTransformer3DModel:
    own = {"in_channels": 16, "out_channels": 16, **changed}
    return WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=_TEXT_WIDTH,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=64,
        **own,
    ).eval()
