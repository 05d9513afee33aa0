"""Every family that runs in a pipeline of diffusers: tiny random weights of the real classes, through the ordinary
loader and the whole engine, beside that pipeline called plainly.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from operator import sub
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, FirstBlockCacheConfig, WanImageToVideoPipeline
from diffusers.pipelines.ltx2 import LTX2ConditionPipeline, LTX2VideoCondition
from diffusers.pipelines.wan import pipeline_wan_i2v
from PIL import Image

from engine import tiny_stock
from engine.arrange import _attentions
from engine.catalog import Model, Size, find
from engine.generate import Engine
from engine.latents import Cut
from engine.loader import Parts, load, locate
from engine.plan import Plan, Shown
from engine.schedule import sampling
from engine.stock import Stock
from engine.timeline import plan
from engine.types import Cancelled, Condition, Done, EngineConfig, EngineError, Progress, Request, Segment
from tests.engine.conftest import loaded
from tests.engine.test_generate import after, pixels

KINDS = {
    "wan2.1-t2v-1.3b": "wan_text",
    "wan2.2-t2v-a14b": "wan_two",
    "wan2.2-ti2v-5b": "wan_small",
    "wan2.1-i2v-14b-480p": "wan_picture",
    "wan2.1-flf2v-14b-720p": "wan_between",
    "wan2.2-i2v-a14b": "wan_ends",
    "ltx-2": "ltx2",
    "z-image-turbo": "z_image",
}
"""A model of each kind of folder, and that folder."""
PICTURED = [name for name in KINDS if find(name).conditions != "none"]
STEPS = 3
SIZE = Size(64, 64)
"""Small enough to be quick; the models' own sizes are for the whole engine below."""


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> EngineConfig:
    folder = tmp_path_factory.mktemp("families")
    weights = {name: str(tiny_stock.write(kind, folder / kind)) for name, kind in KINDS.items()}
    return EngineConfig(weights=weights, device="cpu", threads=1)


@pytest.fixture(scope="session")
def parts_of(config: EngineConfig) -> Callable[[str], Parts]:
    """Each model's parts, read by the ordinary loader and once."""
    kept: dict[str, Parts] = {}

    def read(name: str) -> Parts:
        if name not in kept:
            kept[name] = loaded(load(find(name), locate(find(name), config), config))[1]
        return kept[name]

    return read


def picture(color: str, size: Size = SIZE) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def asked(name: str, **changes: Any) -> Request:
    """A second by this model, with the pictures that it cannot do without."""
    model = find(name)
    given = tuple(Condition(picture("white"), frame) for frame in model.required_pictures)
    plain = Request(name, "a red ball", 256, 256, float(model.films), 7, conditions=given, steps=STEPS)
    return replace(plain, **changes)


def never() -> bool:
    return False


def small(request: Request) -> Plan:
    return replace(plan(request), size=SIZE, native=SIZE)


def recipe(parts: Parts, request: Request) -> tuple[Stock, Cut]:
    cut = Cut.of(small(request))
    made = Stock(parts, cut, request, sampling(cut.plan.model, request, ()))
    made.read()
    return made, cut


def film(parts: Parts, request: Request, cancelled: Callable[[], bool] = never) -> torch.Tensor:
    """All frames of the clip [F, 3, h, w]."""
    made, cut = recipe(parts, request)
    (window,) = cut.plan.windows
    assert list(made.denoise(window, cancelled)) == list(range(1, STEPS + 1))
    return torch.cat([made.decode(step) for step in cut.plan.steps if isinstance(step, Shown)])


@pytest.mark.parametrize("name", KINDS)
def test_a_request_becomes_four_files(config: EngineConfig, name: str, tmp_path: Path) -> None:
    *events, last = Engine(config).run(asked(name), tmp_path, never)
    assert isinstance(last, Done)
    model = find(name)
    assert pixels(last.result.video).shape == (max(1, model.fps * model.films), 256, 256, 3)
    assert all(path.stat().st_size for path in (last.result.poster, last.result.thumbnail, last.result.spritesheet))
    steps = [event.step for event in events if isinstance(event, Progress) and event.stage == "denoising"]
    assert steps == [1, 2, 3]


@pytest.mark.parametrize("name", KINDS)
def test_the_seed_and_the_words_reach_the_picture(parts_of: Callable[[str], Parts], name: str) -> None:
    parts, request = parts_of(name), asked(name)
    one = film(parts, request)
    assert len(one) == small(request).frames
    assert torch.isfinite(one).all()
    assert torch.equal(one, film(parts, request))
    assert not torch.allclose(one, film(parts, replace(request, seed=8)))
    assert not torch.equal(one, film(parts, replace(request, prompt="a blue star")))
    guided = replace(request, guidance_scale=4.0)
    assert not torch.equal(film(parts, guided), film(parts, replace(guided, negative_prompt="grass")))


@pytest.mark.parametrize("name", PICTURED)
def test_a_picture_reaches_the_frames(parts_of: Callable[[str], Parts], name: str) -> None:
    """Random weights show no picture again; but which one was given must tell, from the first frame on."""
    others = tuple(each for each in asked(name).conditions if each.frame != 0)
    white, black = (
        film(parts_of(name), asked(name, conditions=(Condition(picture(color), 0), *others)))
        for color in ("white", "black")
    )
    assert (white[0] - black[0]).abs().mean() > 1e-5


@pytest.mark.parametrize("name", ["wan2.2-i2v-a14b", "ltx-2"])
def test_a_last_picture_reaches_the_frames(parts_of: Callable[[str], Parts], name: str) -> None:
    first = Condition(picture("white"), 0)
    alone = film(parts_of(name), asked(name, conditions=(first,)))
    ends = film(parts_of(name), asked(name, conditions=(first, Condition(picture("black"), -1))))
    assert not torch.allclose(alone[-1], ends[-1])


@pytest.mark.parametrize("frames", [16, 17, 18, 19, 80])
@pytest.mark.parametrize("last", [True, False])
def test_a_clip_that_ends_on_a_picture_ends_where_wan_does(
    parts_of: Callable[[str], Parts], frames: int, *, last: bool
) -> None:
    """Otherwise what is denoised beyond its length is left out at its end."""
    name = "wan2.2-i2v-a14b"
    pictures = (Condition(picture("white"), 0), Condition(picture("black"), -1))[: 1 + last]
    made, cut = recipe(parts_of(name), asked(name, seconds=frames / 16, conditions=pictures))
    (window,) = cut.plan.windows
    torch.manual_seed(1)
    cut.strips[0].update({number: torch.randn(1, 16, 1, 8, 8) for number in range(window.latents)})
    whole = torch.cat(list(made._pipeline.frames(torch.cat(list(cut.strips[0].values()), dim=2))))
    shown = torch.cat([made.decode(step) for step in cut.plan.steps if isinstance(step, Shown)])
    assert len(shown) == frames
    assert len(whole) - frames in range(4)
    assert torch.equal(shown[0], whole[0])
    assert torch.equal(shown[-1], whole[-1 if last else frames - 1])
    places = [next(at for at, each in enumerate(whole) if torch.equal(each, one)) for one in shown]
    even = [number * (len(whole) - 1) / (frames - 1) for number in range(frames)]
    assert places == list(range(frames)) if not last else max(map(abs, map(sub, places, even))) <= 0.5


def test_a_picture_of_ltx_2_lies_at_the_nearest_latent(parts_of: Callable[[str], Parts]) -> None:
    request = asked("ltx-2", conditions=tuple(Condition(picture("white"), frame) for frame in (0, 4, 6, 17, -1)))
    made, cut = recipe(parts_of("ltx-2"), request)
    (window,) = cut.plan.windows
    placed = made._pipeline.arguments(window)["conditions"]
    assert [condition.index for condition in placed] == [0, 1, 2, 3, window.latents - 1]


def test_both_transformers_of_wan_2_2_are_asked_each_with_its_guidance(parts_of: Callable[[str], Parts]) -> None:
    parts, request = parts_of("wan2.2-t2v-a14b"), asked("wan2.2-t2v-a14b")
    calls = dict.fromkeys(("transformer", "transformer_2"), 0)

    def count(name: str) -> Callable[..., None]:
        def called(*_: Any) -> None:
            calls[name] += 1

        return called

    hooks = [
        module.register_forward_hook(count(name))
        for name, module in (("transformer", parts.transformer), ("transformer_2", parts.others["transformer_2"]))
    ]
    made, cut = recipe(parts, request)
    list(made.denoise(cut.plan.windows[0], never))
    for hook in hooks:
        hook.remove()
    assert min(calls.values()) > 0
    assert sum(calls.values()) == 2 * STEPS
    how = made._pipeline.arguments(cut.plan.windows[0])
    assert (how["guidance_scale"], how["guidance_scale_2"]) == (4.0, 3.0)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("step", [0, 2])
def test_a_cancel_stops_at_the_step_and_spoils_nothing(parts_of: Callable[[str], Parts], name: str, step: int) -> None:
    parts, request = parts_of(name), asked(name)
    before = film(parts, request)
    passes: list[int] = []
    hook = parts.transformer.register_forward_hook(lambda *_: passes.append(1))
    made, cut = recipe(parts, request)
    seen: list[int] = []
    with pytest.raises(Cancelled):
        seen.extend(made.denoise(cut.plan.windows[0], after(step)))
    hook.remove()
    assert len(passes) <= 2 * step, "nothing is computed after the step at which the cancel is seen"
    assert cut.strips == ({},)
    assert torch.equal(film(parts, request), before)


def test_a_cancel_leaves_no_step_cache_behind(config: EngineConfig) -> None:
    """A cache that speeds steps up keeps what it saw until the pipeline is told that the clip is over."""
    model = find("wan2.1-t2v-1.3b")
    parts, request = loaded(load(model, locate(model, config), config))[1], asked(model.name)
    parts.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.9))
    before = film(parts, request)
    made, cut = recipe(parts, replace(request, prompt="a blue star", seed=8))
    with pytest.raises(Cancelled):
        list(made.denoise(cut.plan.windows[0], after(2)))
    assert torch.equal(film(parts, request), before)


@pytest.mark.parametrize("name", ["wan2.1-t2v-1.3b", "wan2.2-t2v-a14b", "wan2.2-ti2v-5b", "wan2.1-i2v-14b-480p"])
def test_turbo_skips_blocks_and_full_quality_is_the_same_after_it(parts_of: Callable[[str], Parts], name: str) -> None:
    parts, full = parts_of(name), asked(name, guidance_scale=5.0)
    before = film(parts, full)
    turbo, steps = replace(full, quality="turbo", steps=None), find(name).sampling["turbo"].steps
    computed: list[int] = []
    transformers = [each for each in (parts.transformer, parts.others.get("transformer_2")) if each is not None]
    hooks = [
        block.attn1.register_forward_hook(lambda *_, number=number: computed.append(number))
        for transformer in transformers
        for number, block in enumerate(transformer.blocks)
    ]
    for cancelled in (never, after(3)):
        computed.clear()
        made, cut = recipe(parts, turbo)
        with nullcontext() if cancelled is never else pytest.raises(Cancelled):
            assert list(made.denoise(cut.plan.windows[0], cancelled)) == list(range(1, steps + 1))
        assert torch.equal(film(parts, full), before)
        if cancelled is never:
            turbo_passes = computed[: -2 * 2 * STEPS]
            assert turbo_passes.count(0) == 2 * steps, "one for the prompt and one for what to avoid"
            assert 2 <= turbo_passes.count(1) < turbo_passes.count(0)
        assert computed[-2 * 2 * STEPS :].count(1) == 2 * STEPS, "nothing is skipped at full quality"
    for hook in hooks:
        hook.remove()


def test_leaving_early_stops_the_pipeline(parts_of: Callable[[str], Parts]) -> None:
    parts = parts_of("wan2.1-t2v-1.3b")
    made, cut = recipe(parts, asked("wan2.1-t2v-1.3b"))
    steps = made.denoise(cut.plan.windows[0], never)
    assert next(steps) == 1
    steps.close()
    assert cut.strips == ({},)


@pytest.mark.parametrize("name", ["wan2.1-t2v-1.3b", "ltx-2"])
def test_a_cancelled_job_leaves_no_file_and_the_next_is_whole(config: EngineConfig, name: str, tmp_path: Path) -> None:
    engine = Engine(config)
    request = asked(name, width=256, height=256)
    seen: list[int] = []
    events = engine.run(request, tmp_path, lambda: seen[-1:] == [2])
    with pytest.raises(Cancelled):
        seen.extend(event.step for event in events if isinstance(event, Progress) and event.stage == "denoising")
    assert seen == [1, 2]
    assert list(tmp_path.iterdir()) == []
    *_, last = engine.run(request, tmp_path, never)
    assert isinstance(last, Done)


def test_stretches_of_wan_are_bit_for_bit_what_is_decoded_at_once(parts_of: Callable[[str], Parts]) -> None:
    for name in ("wan2.1-t2v-1.3b", "wan2.2-ti2v-5b"):
        parts, request = parts_of(name), asked(name, seconds=5)
        made, cut = recipe(parts, request)
        list(made.denoise(cut.plan.windows[0], never))
        shown = [step for step in cut.plan.steps if isinstance(step, Shown)]
        stretches = [made.decode(step) for step in shown]
        assert len(stretches) > 1
        (strip,) = cut.strips
        latents = torch.cat([strip[number] for number in sorted(strip)], dim=2)
        mean, std = (
            torch.tensor(each).view(1, -1, 1, 1, 1)
            for each in (parts.vae.config.latents_mean, parts.vae.config.latents_std)
        )
        with torch.inference_mode():
            whole = parts.vae.decode(latents / (1.0 / std) + mean, return_dict=False)[0][0].transpose(0, 1)
        assert torch.equal(torch.cat(stretches), whole[: cut.plan.frames] / 2 + 0.5)


def test_a_clip_of_wan_is_published_piece_by_piece(config: EngineConfig, tmp_path: Path) -> None:
    request = asked("wan2.2-ti2v-5b", seconds=3, steps=1)
    segments = [event for event in Engine(config).run(request, tmp_path, never) if isinstance(event, Segment)]
    assert {each.state for each in segments} == {None}, "nobody could go on from it"
    ends = [each.frames for each in segments]
    assert len(ends) > 1
    assert ends == sorted(ends)
    assert ends[-1] == 72


# --- beside diffusers -----------------------------------------------------------------------------------


def theirs(config: EngineConfig, request: Request) -> torch.Tensor:
    """The same clip by the pipeline as diffusers loads it [F, 3, h, w]."""
    folder = config.weights[request.model]
    model, made = find(request.model), small(request)
    how = sampling(model, request, ())
    pipe = _pipe(model, request, folder)
    pipe.set_progress_bar_config(disable=True)
    frames = pipe(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        height=SIZE.height,
        width=SIZE.width,
        num_inference_steps=how.steps,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="pt",
        return_dict=False,
        max_sequence_length=model.max_prompt_tokens,
        **_own(model, request, made, how.guidance_scale),
    )[0]
    shown: torch.Tensor = frames if model.family == "z_image" else frames[0]
    if find(request.model).conditions == "ends" and len(request.conditions) > 1:
        return shown[torch.linspace(0, len(shown) - 1, made.frames).round().long()]
    return shown[: made.frames]


def _pipe(model: Model, request: Request, folder: str) -> Any:
    if model.family == "ltx2":
        return LTX2ConditionPipeline.from_pretrained(folder)
    if model.name == "wan2.2-ti2v-5b" and request.conditions:
        return WanImageToVideoPipeline.from_pretrained(folder, image_encoder=None, image_processor=None)
    return DiffusionPipeline.from_pretrained(folder)


def _own(model: Model, request: Request, made: Plan, guidance: float) -> dict[str, Any]:
    """The arguments that differ between pipelines, written down here once more."""
    images = [Image.open(io.BytesIO(each.image)) for each in request.conditions]
    if model.family == "z_image":
        return {"guidance_scale": guidance - 1}
    common = {"guidance_scale": guidance, "num_frames": 1 + model.frame_rule * (made.windows[0].latents - 1)}
    if model.family == "wan":
        low = {"guidance_scale_2": 3.0} if model.name == "wan2.2-t2v-a14b" else {}
        return {**common, **low, **dict(zip(("image", "last_image"), images, strict=False))}
    conditions = [LTX2VideoCondition(image, index) for image, index in zip(images, (0, -1), strict=False)]
    quiet = {"stg_scale": 0, "modality_scale": 1, "guidance_rescale": 0}
    return {
        **common,
        **quiet,
        **{f"audio_{name}": value for name, value in quiet.items()},
        "audio_guidance_scale": guidance,
        "spatio_temporal_guidance_blocks": None,
        "use_cross_timestep": False,
        "frame_rate": 24.0,
        "conditions": conditions,
    }


@pytest.fixture
def _ftfy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library that the pipeline for pictures takes for granted, which leaves plain words as they are."""

    class Plain:
        fix_text = staticmethod(lambda text: text)

    monkeypatch.setattr(pipeline_wan_i2v, "ftfy", Plain, raising=False)


@pytest.mark.usefixtures("_ftfy")
@pytest.mark.parametrize("name", KINDS)
def test_the_frames_are_those_of_the_pipeline_called_plainly(
    config: EngineConfig, parts_of: Callable[[str], Parts], name: str
) -> None:
    request = asked(name, negative_prompt="blurry")
    if find(name).conditions in ("ends", "any"):
        both = (Condition(picture("white"), 0), Condition(picture("red"), -1))
        request = replace(request, conditions=both)
    if name == "wan2.2-ti2v-5b":
        request = replace(request, conditions=(Condition(picture("white"), 0),))
    torch.testing.assert_close(film(parts_of(name), request).clip(0, 1), theirs(config, request), rtol=0, atol=2e-5)


# --- folders --------------------------------------------------------------------------------------------


def refusal(config: EngineConfig, name: str, folder: str) -> EngineError:
    with pytest.raises(EngineError) as caught:
        loaded(load(find(name), locate(find(name), replace(config, weights={name: folder})), config))
    return caught.value


def test_a_folder_of_another_family_is_refused_with_what_to_do(config: EngineConfig, weights: Path) -> None:
    error = refusal(config, "wan2.1-t2v-1.3b", config.weights["ltx-2"])
    assert error.code == "model_broken"
    assert "LTX2Pipeline" in str(error)
    assert "ltx-2-distilled" in str(error)
    assert "LTXPipeline" in str(refusal(config, "ltx-2", str(weights)))


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("wan2.1-t2v-1.3b", "wan2.1-i2v-14b-480p"),
        ("wan2.1-i2v-14b-480p", "wan2.1-t2v-1.3b"),
        ("wan2.1-t2v-1.3b", "wan2.2-ti2v-5b"),
    ],
)
def test_a_folder_of_another_wan_is_refused_by_its_numbers(config: EngineConfig, name: str, folder: str) -> None:
    error = refusal(config, name, config.weights[folder])
    assert (error.code, "catalogue" in str(error)) == ("model_broken", True)


def test_a_folder_without_an_index_is_named(config: EngineConfig, tmp_path: Path) -> None:
    error = refusal(config, "wan2.1-t2v-1.3b", str(tmp_path))
    assert error.code == "model_missing"


def test_a_model_that_no_hub_has_says_what_to_do() -> None:
    with pytest.raises(EngineError, match="KINORA_WEIGHTS") as caught:
        locate(find("ltx-video-2b-distilled"), EngineConfig(device="cpu"))
    assert caught.value.code == "model_missing"


@pytest.mark.parametrize("name", KINDS)
def test_numbers_may_be_halved_but_for_what_must_be_precise(config: EngineConfig, name: str) -> None:
    halved = replace(config, dtype="bfloat16")
    parts = loaded(load(find(name), locate(find(name), halved), halved))[1]
    assert parts.transformer.dtype == parts.text_encoder.dtype == torch.bfloat16
    assert parts.vae.dtype == (torch.float32 if find(name).family == "wan" else torch.bfloat16)
    assert torch.isfinite(film(parts, asked(name, guidance_scale=3.0))).all()


@pytest.mark.parametrize(
    ("name", "backend"),
    [*((name, "_native_flash") for name in KINDS if name != "z-image-turbo"), ("z-image-turbo", "_native_math")],
)
def test_attention_by_another_kernel_shows_the_same(
    parts_of: Callable[[str], Parts], config: EngineConfig, name: str, backend: str
) -> None:
    chosen = replace(config, attention=backend)
    parts = loaded(load(find(name), locate(find(name), chosen), chosen))[1]
    used = {getattr(layer.processor, "_attention_backend", None) for _, layer in _attentions(parts.transformer)}
    assert backend in used
    request = asked(name, guidance_scale=3.0)
    torch.testing.assert_close(film(parts, request), film(parts_of(name), request), rtol=1e-3, atol=1e-4)
