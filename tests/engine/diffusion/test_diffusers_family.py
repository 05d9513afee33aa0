"""Every family that runs in a pipeline of diffusers, through the ordinary loader and the whole engine: what reaches the
frames, and which of them are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import sub
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.catalog.registry import find_model
from engine.loading.loader import Modules
from engine.planning.plan import DecodeSpan
from engine.runtime.engine import Engine
from engine.types import Done, EngineConfig, ImageCondition, Progress, Segment
from tests.support.cancels import never_cancelled
from tests.support.model_families import (
    IMAGE_MODELS,
    KINDS,
    STEPS,
    encode_image,
    make_request,
    new_sampler,
    render_frames,
    small_plan,
)
from tests.support.videos import read_frames


@pytest.mark.parametrize("name", KINDS)
def test_a_request_becomes_four_files(families_config: EngineConfig, name: str, tmp_path: Path) -> None:
    *events, last = Engine(families_config).run(make_request(name), tmp_path, never_cancelled)
    assert isinstance(last, Done)
    model = find_model(name)
    assert read_frames(last.result.video).shape == (max(1, model.fps * model.makes_videos), 256, 256, 3)
    assert all(path.stat().st_size for path in (last.result.poster, last.result.thumbnail, last.result.spritesheet))
    steps = [event.step for event in events if isinstance(event, Progress) and event.stage == "denoising"]
    assert steps == [1, 2, 3]


@pytest.mark.parametrize("name", KINDS)
def test_the_seed_and_the_prompt_reach_the_frames(load_modules: Callable[[str], Modules], name: str) -> None:
    modules, request = load_modules(name), make_request(name)
    one = render_frames(modules, request)
    assert len(one) == small_plan(request).frames
    assert torch.isfinite(one).all()
    assert torch.equal(one, render_frames(modules, request))
    assert not torch.allclose(one, render_frames(modules, replace(request, seed=8)))
    assert not torch.equal(one, render_frames(modules, replace(request, prompt="a blue star")))
    guided = replace(request, guidance_scale=4.0)
    assert not torch.equal(
        render_frames(modules, guided), render_frames(modules, replace(guided, negative_prompt="grass"))
    )


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_an_image_condition_reaches_the_frames(load_modules: Callable[[str], Modules], name: str) -> None:
    """Random weights show no picture again; but which one was given must tell, from the first frame on."""
    others = tuple(each for each in make_request(name).conditions if each.frame != 0)
    white, black = (
        render_frames(
            load_modules(name), make_request(name, conditions=(ImageCondition(encode_image(color), 0), *others))
        )
        for color in ("white", "black")
    )
    assert (white[0] - black[0]).abs().mean() > 1e-5


@pytest.mark.parametrize("name", ["wan2.2-i2v-a14b", "ltx-2"])
def test_a_last_frame_condition_reaches_the_frames(load_modules: Callable[[str], Modules], name: str) -> None:
    first = ImageCondition(encode_image("white"), 0)
    alone = render_frames(load_modules(name), make_request(name, conditions=(first,)))
    ends = render_frames(
        load_modules(name), make_request(name, conditions=(first, ImageCondition(encode_image("black"), -1)))
    )
    assert not torch.allclose(alone[-1], ends[-1])


@pytest.mark.parametrize("frames", [16, 17, 18, 19, 80])
@pytest.mark.parametrize("last", [True, False])
def test_a_clip_that_ends_on_an_image_ends_where_wan_does(
    load_modules: Callable[[str], Modules], frames: int, *, last: bool
) -> None:
    """Otherwise what is denoised beyond its length is left out at its end."""
    name = "wan2.2-i2v-a14b"
    pictures = (ImageCondition(encode_image("white"), 0), ImageCondition(encode_image("black"), -1))[: 1 + last]
    made, cut = new_sampler(load_modules(name), make_request(name, seconds=frames / 16, conditions=pictures))
    (window,) = cut.plan.windows
    torch.manual_seed(1)
    cut.latents[0].update({number: torch.randn(1, 16, 1, 8, 8) for number in range(window.latents)})
    whole = torch.cat(list(made._pipeline.decode_frames(torch.cat(list(cut.latents[0].values()), dim=2))))
    shown = torch.cat([made.decode_span(step) for step in cut.plan.steps if isinstance(step, DecodeSpan)])
    assert len(shown) == frames
    assert len(whole) - frames in range(4)
    assert torch.equal(shown[0], whole[0])
    assert torch.equal(shown[-1], whole[-1 if last else frames - 1])
    places = [next(at for at, each in enumerate(whole) if torch.equal(each, one)) for one in shown]
    even = [number * (len(whole) - 1) / (frames - 1) for number in range(frames)]
    assert places == list(range(frames)) if not last else max(map(abs, map(sub, places, even))) <= 0.5


def test_an_image_of_ltx_2_lies_at_the_nearest_latent(load_modules: Callable[[str], Modules]) -> None:
    request = make_request(
        "ltx-2", conditions=tuple(ImageCondition(encode_image("white"), frame) for frame in (0, 4, 6, 17, -1))
    )
    made, cut = new_sampler(load_modules("ltx-2"), request)
    (window,) = cut.plan.windows
    placed = made._pipeline.call_arguments(window)["conditions"]
    assert [condition.index for condition in placed] == [0, 1, 2, 3, window.latents - 1]


def test_both_transformers_of_wan_2_2_are_asked_each_with_its_guidance(load_modules: Callable[[str], Modules]) -> None:
    modules, request = load_modules("wan2.2-t2v-a14b"), make_request("wan2.2-t2v-a14b")
    calls = dict.fromkeys(("transformer", "transformer_2"), 0)

    def count(name: str) -> Callable[..., None]:
        def called(*_: Any) -> None:
            calls[name] += 1

        return called

    hooks = [
        module.register_forward_hook(count(name))
        for name, module in (("transformer", modules.transformer), ("transformer_2", modules.others["transformer_2"]))
    ]
    made, cut = new_sampler(modules, request)
    list(made.denoise_window(cut.plan.windows[0], never_cancelled))
    for hook in hooks:
        hook.remove()
    assert min(calls.values()) > 0
    assert sum(calls.values()) == 2 * STEPS
    how = made._pipeline.call_arguments(cut.plan.windows[0])
    assert (how["guidance_scale"], how["guidance_scale_2"]) == (4.0, 3.0)


def test_stretches_of_wan_are_bit_for_bit_what_is_decoded_at_once(load_modules: Callable[[str], Modules]) -> None:
    for name in ("wan2.1-t2v-1.3b", "wan2.2-ti2v-5b"):
        modules, request = load_modules(name), make_request(name, seconds=5)
        made, cut = new_sampler(modules, request)
        list(made.denoise_window(cut.plan.windows[0], never_cancelled))
        shown = [step for step in cut.plan.steps if isinstance(step, DecodeSpan)]
        stretches = [made.decode_span(step) for step in shown]
        assert len(stretches) > 1
        (strip,) = cut.latents
        latents = torch.cat([strip[number] for number in sorted(strip)], dim=2)
        mean, std = (
            torch.tensor(each).view(1, -1, 1, 1, 1)
            for each in (modules.vae.config.latents_mean, modules.vae.config.latents_std)
        )
        with torch.inference_mode():
            whole = modules.vae.decode(latents / (1.0 / std) + mean, return_dict=False)[0][0].transpose(0, 1)
        assert torch.equal(torch.cat(stretches), whole[: cut.plan.frames] / 2 + 0.5)


def test_a_clip_of_wan_is_published_segment_by_segment(families_config: EngineConfig, tmp_path: Path) -> None:
    request = make_request("wan2.2-ti2v-5b", seconds=3, steps=1)
    segments = [
        event for event in Engine(families_config).run(request, tmp_path, never_cancelled) if isinstance(event, Segment)
    ]
    assert {each.state for each in segments} == {None}, "nobody could go on from it"
    ends = [each.frames for each in segments]
    assert len(ends) > 1
    assert ends == sorted(ends)
    assert ends[-1] == 72
