"""Each measure of quality rises with the defect it is for, on drawn clips with that defect added."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.mini.dataset.arrays import ByteArray
from engine.mini.dataset.renderer import render_clip
from engine.mini.dataset.scenes import Scene
from engine.mini.evaluation.judge import judge_clip
from engine.mini.evaluation.picture_quality import PictureQuality, grid_period, measure_quality
from engine.mini.evaluation.shape_classifier import degrade_frames

SCENE = Scene("ball", "red", "right", "hills", "day", seed=3)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def drawn() -> ByteArray:
    return render_clip(SCENE, frames=40).frames


@pytest.fixture(scope="module")
def clean(drawn: ByteArray) -> PictureQuality:
    return quality(drawn)


def quality(frames: ByteArray) -> PictureQuality:
    measured = measure_quality(frames)
    assert measured is not None
    return measured


def test_a_drawn_clip_has_no_defects(clean: PictureQuality) -> None:
    assert clean.ghost < 0.01
    assert clean.fuzz < 1
    assert clean.wobble < 0.04
    assert clean.grid < 0.1


def test_a_pale_double_of_the_thing_raises_ghost(drawn: ByteArray, clean: PictureQuality) -> None:
    earlier = np.concatenate([drawn[:8], drawn[:-8]])
    doubled = quality((0.7 * drawn + 0.3 * earlier).astype(np.uint8))
    assert doubled.ghost > clean.ghost + 0.05
    assert doubled.wobble < 0.06


def test_blur_raises_fuzz_and_lowers_sharpness(drawn: ByteArray, clean: PictureQuality) -> None:
    soft = degrade_frames(drawn, np.random.default_rng(0), sigma=2.0)
    assert quality(soft).fuzz > clean.fuzz + 2
    assert judge_clip(soft).sharpness < 0.6 * judge_clip(drawn).sharpness


def test_an_outline_that_jitters_raises_wobble(drawn: ByteArray, clean: PictureQuality) -> None:
    rng = np.random.default_rng(0)
    jittered = np.stack(
        [np.stack([np.roll(row, int(rng.integers(-3, 4)), axis=0) for row in frame]) for frame in drawn]
    )
    assert quality(jittered).wobble > clean.wobble + 0.05


def test_a_thing_that_moves_by_jerks_does_not_wobble(drawn: ByteArray) -> None:
    jerky = drawn[np.random.default_rng(0).permutation(len(drawn))]
    assert quality(jerky).wobble < 0.04


def test_a_pattern_of_the_decoders_patches_raises_grid(drawn: ByteArray, clean: PictureQuality) -> None:
    period = grid_period(*drawn.shape[1:3])
    patterned = drawn.copy()
    patterned[:, ::period] = np.minimum(drawn[:, ::period], 240) + 12
    assert quality(patterned).grid > clean.grid + 2


def test_a_clip_without_a_thing_has_no_quality() -> None:
    assert measure_quality(np.full((8, 96, 160, 3), 128, np.uint8)) is None
