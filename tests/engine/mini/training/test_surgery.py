"""Surgery: a larger model that computes what the smaller one did."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from engine.mini.training import surgery
from engine.mini.training.components import new_transformer, new_vae
from engine.mini.training.config import SMALL, TrainingConfig

OLD = replace(SMALL, channels=8, encoder=(8, 8, 16, 16), decoder=(8, 16, 32), layers=2, heads=1)
NEW = replace(OLD, cell=32, decoder_layers=(3, 2, 4, 1), layers=4)


def test_larger_patches_and_added_blocks_decode_the_same_frames_enlarged() -> None:
    vae = new_vae(OLD).eval()
    fitted = surgery.fit_vae(vae, NEW).eval()
    latents = torch.randn(1, 8, 2, 2, 2)
    with torch.no_grad():
        old, new = vae.decode(latents).sample, fitted.decode(latents).sample
    assert torch.allclose(new, old.repeat_interleave(2, -1).repeat_interleave(2, -2), atol=1e-5)


def test_larger_patches_encode_frames_as_their_means_were_encoded() -> None:
    vae = new_vae(OLD).eval()
    fitted = surgery.fit_vae(vae, NEW).eval()
    video = torch.randn(1, 3, 9, 64, 64)
    with torch.no_grad():
        old = vae.encode(F.avg_pool3d(video, (1, 2, 2))).latent_dist.mean
        new = fitted.encode(video).latent_dist.mean
    assert torch.allclose(new, old, atol=1e-4)


def test_added_layers_do_not_change_what_the_transformer_predicts() -> None:
    transformer = new_transformer(OLD).eval()
    fitted = surgery.fit_transformer(transformer, NEW).eval()
    inputs = {
        "hidden_states": torch.randn(1, 6, 8),
        "encoder_hidden_states": torch.randn(1, 3, 128),
        "timestep": torch.full((1, 6), 500.0),
        "encoder_attention_mask": torch.ones(1, 3),
        "video_coords": torch.rand(1, 3, 6),
        "return_dict": False,
    }
    with torch.no_grad():
        assert torch.equal(transformer(**inputs)[0], fitted(**inputs)[0])
    assert len(fitted.transformer_blocks) == 4


def test_every_added_parameter_can_be_trained() -> None:
    fitted = surgery.fit_vae(new_vae(OLD), NEW)
    fitted.decode(torch.randn(1, 8, 2, 2, 2)).sample.square().mean().backward()
    added = fitted.decoder.up_blocks[-1].resnets[1:]
    assert all(block.conv2.conv.weight.grad.abs().sum() > 0 for block in added)


@pytest.mark.parametrize("config", [replace(NEW, layers=1), replace(NEW, heads=2)])
def test_a_transformer_of_another_width_or_of_more_layers_is_refused(config: TrainingConfig) -> None:
    with pytest.raises(ValueError, match="layers"):
        surgery.fit_transformer(new_transformer(OLD), config)


@pytest.mark.parametrize(
    "config", [replace(NEW, cell=24), replace(NEW, channels=16), replace(NEW, decoder=(16, 16, 32))]
)
def test_an_autoencoder_of_another_width_is_refused(config: TrainingConfig) -> None:
    with pytest.raises(ValueError, match=r"patches|another recipe"):
        surgery.fit_vae(new_vae(OLD), config)
