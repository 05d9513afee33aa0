from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import registry
from engine.catalog.model import ModelEntry, Size
from engine.catalog.registry import MODELS
from engine.catalog.validation import check_clip

mini = registry.find_model("kinora-mini")
sides = st.integers(32, 960).map(lambda half: 2 * half)
models = st.sampled_from(list(MODELS.values()))


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_an_entry_agrees_with_itself(model: ModelEntry) -> None:
    assert (model.window_frames - 1) % model.temporal_compression == 0
    longest = 1 + (model.window_frames - 1) // model.temporal_compression
    assert not model.makes_videos or longest > 1 + 2 * model.context_latents, (
        "no room for anything new between two films"
    )
    assert model.new_frames == 0 or model.new_frames >= model.temporal_compression
    assert [pixels for pixels, _ in model.flow_shifts] == sorted(pixels for pixels, _ in model.flow_shifts)
    guided = any(each.guidance_scale > 1 for each in model.sampling.values())
    assert model.bundled or not guided or model.negative_prompt, "what is guided away from is published too"
    assert not model.single_window or registry.frame_count(model, model.max_seconds) <= model.window_frames
    assert not any(check_clip(model, *size, model.max_seconds) for size in model.sizes)
    assert bool(model.native_sizes) != bool(model.native_pixels)
    assert all(side % model.native_multiple == 0 for size in model.native_sizes for side in size)
    assert set(model.sampling) == {"turbo", "full"}
    for how in model.sampling.values():
        assert not how.sigmas or len(how.sigmas) == how.steps
        assert bool(how.adapter) == (how.without_adapter is not None), "weights may come without the adapter"
        assert how.without_adapter is None or not how.without_adapter.adapter


def test_the_default_exists_and_is_bundled() -> None:
    assert registry.find_model(registry.DEFAULT_MODEL).bundled


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(registry.UnknownModelError, match="kinora-mini"):
        registry.find_model("sora-3")


@given(models, st.floats(1, 20))
def test_a_clip_has_the_frames_its_length_says(model: ModelEntry, seconds: float) -> None:
    assert abs(registry.frame_count(model, seconds) - seconds * model.fps) <= 0.5


@given(models, sides, sides)
def test_what_is_denoised_fits_the_model(model: ModelEntry, width: int, height: int) -> None:
    native = registry.native_size(model, width, height)
    assert all(side % model.native_multiple == 0 for side in native)
    if model.native_sizes:
        assert native in model.native_sizes
    else:
        assert native.width * native.height <= model.native_pixels


def test_a_portrait_is_denoised_upright() -> None:
    assert registry.native_size(mini, 720, 1280) == Size(96, 160)
    assert registry.native_size(registry.find_model("ltx-video-2b"), 720, 1280) == Size(736, 1280)


@given(st.sampled_from(sorted(MODELS)), st.integers(16, 4000), st.integers(16, 4000), st.sampled_from([320, 720, 1080]))
def test_an_uploaded_video_gets_the_offered_size_most_like_it(name: str, width: int, height: int, most: int) -> None:
    model = registry.find_model(name)
    size = registry.nearest_size(model, width, height, most)
    assert size in model.sizes
    if any(min(each) <= most for each in model.sizes):
        assert min(size) <= most
        if max(width, height) > 1.5 * min(width, height):
            assert (size.width > size.height) == (width > height)
