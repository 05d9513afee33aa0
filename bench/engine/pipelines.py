"""Measures one window in our loop and in diffusers' `LTXConditionPipeline`, on the same modules, seed and noise.

The timing starts from the same encoded prompt, so that it is that of the loop; for the comparison of the frames each
side encodes the prompt itself.
"""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
from diffusers import LTXConditionPipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from PIL import Image

from bench.engine import engine_clips
from bench.engine.isolated_process import run_isolated
from bench.report import Row, format_figure, format_percent, format_ratio
from engine.catalog.model import Sampling
from engine.diffusion import ltx
from engine.diffusion.conditioning import prepare_tokens, store_latents
from engine.diffusion.latents import ClipState, decode_span
from engine.diffusion.schedule import noise_levels, resolve_sampling
from engine.loading.loader import Modules
from engine.mini.evaluation import sampling as studio
from engine.placement.lora import activate_loras
from engine.planning.plan import DecodeSpan, Window
from engine.planning.timeline import plan_clip
from engine.types import Quality, Request

FRAMES = 17  # the first window of a clip, and all of this one
TURNS = 7
LEVELS = 255
ROUNDED = 1  # levels by which a rounded pixel may differ where the sums behind it were taken in another order


class Duration(NamedTuple):
    """Milliseconds that passed, and those of processor time that this process was given."""

    wall: float
    cpu: float


class PipelineCase(NamedTuple):
    """A request: its quality, and whether it has an image as the first frame (`given`)."""

    name: str
    quality: Quality
    given: bool


CASES = (
    PipelineCase("from a prompt, full", "full", given=False),
    PipelineCase("from a prompt, turbo", "turbo", given=False),
    PipelineCase("from an image, full", "full", given=True),
)


async def measure_pipelines() -> list[Row]:
    """Each case, in a process that does nothing else."""
    return await run_isolated(compare_cases, engine_clips.BUNDLED, TURNS)


def compare_cases(weights: engine_clips.BenchWeights, turns: int) -> list[Row]:
    """All cases, with the modules of these weights."""
    parts = engine_clips.load_modules(weights)
    return [row for case in CASES for row in compare_case(PipelineComparison(parts, case), turns)]


def compare_case(sides: PipelineComparison, turns: int) -> list[Row]:
    """The same window from both sides in turns, once it is clear that it is the same."""
    apart = largest_difference(sides.run_our_loop(decoded=True), sides.run_diffusers(decoded=True, encoded=False))
    assert apart <= ROUNDED, f"{sides.case.name}: the two differ by up to {apart} levels of {LEVELS}"
    ways = (sides.run_our_loop, sides.run_diffusers)
    denoising, whole = (
        time_in_turns([partial(way, decoded=decoded) for way in ways], turns) for decoded in (False, True)
    )
    outside = [min(sides.share_outside_transformer(way) for _ in range(turns)) for way in ways]
    return build_rows(sides, apart, denoising, whole, outside)


@dataclass(frozen=True)
class PipelineComparison:
    """One case, to be made by either side."""

    parts: Modules
    case: PipelineCase

    @cached_property
    def first_frame(self) -> Any:
        """A frame of a drawn clip, as a condition."""
        (question,) = studio.held_out_prompts(1)
        return studio.image_condition(studio.ground_truth(question, engine_clips.NATIVE), 0)

    @cached_property
    def request(self) -> Request:
        given = (self.first_frame,) if self.case.given else ()
        return engine_clips.clip_request(FRAMES / engine_clips.MODEL.fps, self.case.quality, *given)

    @cached_property
    def sampling(self) -> Sampling:
        return resolve_sampling(engine_clips.MODEL, self.request, self.parts.adapters)

    @cached_property
    def encoded_text(self) -> ltx.EncodedPrompts:
        return ltx.encode_prompts(self.parts, plan_clip(self.request), self.request.negative_prompt, self.sampling)

    @cached_property
    def pipeline(self) -> Any:
        parts = self.parts
        made = LTXConditionPipeline(
            type(parts.scheduler).from_config(parts.scheduler.config),
            parts.vae,
            parts.text_encoder,
            parts.tokenizer,
            parts.transformer,
        )
        made.set_progress_bar_config(disable=True)
        return made

    def run_our_loop(self, *, decoded: bool) -> torch.Tensor:
        """Our loop: latents [1, C, F, h, w], or frames [F, 3, h, w]."""
        return self.denoise_window(self.sampling, decoded=decoded)

    def denoise_window(self, sampling: Sampling, *, decoded: bool) -> torch.Tensor:
        """Run our loop with the given sampling parameters."""
        made = plan_clip(self.request)
        cut, (window, shown) = ClipState.empty(made), made.steps
        assert isinstance(window, Window)
        assert isinstance(shown, DecodeSpan)
        tokens = prepare_tokens(self.parts, cut, window)
        text = self.encoded_text.select_prompts(window.prompt_weights)
        steps = list(
            ltx.denoise_tokens(self.parts, made, sampling, text, tokens, window.seed, engine_clips.never_cancelled)
        )
        assert len(steps) == sampling.steps
        store_latents(self.parts, cut, window, tokens)
        return (
            decode_span(self.parts, cut, shown).clamp(0, 1) if decoded else torch.cat([*cut.latents[0].values()], dim=2)
        )

    def run_diffusers(self, *, decoded: bool, encoded: bool = True) -> torch.Tensor:
        """Their pipeline: the same. `encoded` says that it is given our encoded words."""
        activate_loras(self.parts.transformer, self.sampling.lora_weights)
        with _ignore_numpy_warning():
            made: torch.Tensor = self.pipeline(
                **(self._embedding_arguments() if encoded else self._prompt_arguments()),
                **self._image_arguments(),
                width=engine_clips.NATIVE.width,
                height=engine_clips.NATIVE.height,
                num_frames=FRAMES,
                frame_rate=engine_clips.MODEL.fps,
                timesteps=(noise_levels(self.sampling) * 1000).tolist(),
                guidance_scale=self.sampling.guidance_scale,
                generator=torch.Generator("cpu").manual_seed(self.request.seed),
                output_type="pt" if decoded else "latent",
            ).frames
        return made[0] if decoded else made

    def share_outside_transformer(self, way: Callable[..., Any]) -> float:
        """The share of denoising in which the transformer was not at work."""
        with forward_durations(self.parts.transformer) as seconds:
            whole = time_once(partial(way, decoded=False)).wall
        assert len(seconds) == self.sampling.steps
        return 1 - sum(seconds) * 1000 / whole

    def _prompt_arguments(self) -> dict[str, Any]:
        limit = min(engine_clips.MODEL.max_prompt_tokens, self.parts.tokenizer.model_max_length)
        return {"prompt": engine_clips.PROMPT, "negative_prompt": "", "max_sequence_length": limit}

    def _embedding_arguments(self) -> dict[str, Any]:
        embeds, mask, guided = self.encoded_text.embeds, self.encoded_text.mask, self.encoded_text.has_negative
        words = {"prompt_embeds": embeds[guided:], "prompt_attention_mask": mask[guided:]}
        avoided = {"negative_prompt_embeds": embeds[:1], "negative_prompt_attention_mask": mask[:1]}
        return words | (avoided if guided else {})

    def _image_arguments(self) -> dict[str, Any]:
        if not self.case.given:
            return {}
        image = Image.open(io.BytesIO(self.first_frame.image))
        return {"conditions": [LTXVideoCondition(image=image, frame_index=0)], "image_cond_noise_scale": 0.0}


def largest_difference(ours: torch.Tensor, theirs: torch.Tensor) -> int:
    """The largest difference of two videos of the same shape, 0..1, in levels of 255."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    levels = [(frames * LEVELS).round() for frames in (ours, theirs)]
    return int((levels[0] - levels[1]).abs().max())


def time_in_turns(ways: Sequence[Callable[[], Any]], turns: int) -> list[Duration]:
    """What each way took, the least of all turns: what other work takes from a machine only adds."""
    took = [[time_once(way) for way in ways] for _ in range(turns)]
    return [Duration(*(min(column) for column in zip(*each, strict=True))) for each in zip(*took, strict=True)]


def time_once(way: Callable[[], Any]) -> Duration:
    """What it takes once."""
    wall, cpu = time.perf_counter(), time.process_time()
    way()
    return Duration((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)


@contextmanager
def forward_durations(module: torch.nn.Module) -> Iterator[list[float]]:
    """The seconds of each pass through a module within the block."""
    began: list[float] = []
    seconds: list[float] = []
    hooks = (
        module.register_forward_pre_hook(lambda *_: began.append(time.perf_counter())),
        module.register_forward_hook(lambda *_: seconds.append(time.perf_counter() - began[-1])),
    )
    yield seconds
    for hook in hooks:
        hook.remove()


@contextmanager
def _ignore_numpy_warning() -> Iterator[None]:
    """Diffusers hands numpy a tensor in a way that numpy 2 warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def build_rows(
    sides: PipelineComparison,
    apart: int,
    denoising: Sequence[Duration],
    whole: Sequence[Duration],
    outside: Sequence[float],
) -> list[Row]:
    """The rows of one case."""
    (ours, theirs), (decoded, decoded_theirs) = denoising, whole
    name = f"one window {sides.case.name}, {sides.sampling.steps} steps: ms to denoise"
    return [
        Row(
            name,
            format_figure(ours.wall),
            f"{format_figure(theirs.wall)} diffusers",
            format_ratio(ours.wall, theirs.wall),
            "≤ 1.02",
        ),
        Row("… CPU ms of it", format_figure(ours.cpu), format_figure(theirs.cpu), format_ratio(ours.cpu, theirs.cpu)),
        Row(
            "… ms with decoding",
            format_figure(decoded.wall),
            format_figure(decoded_theirs.wall),
            format_ratio(decoded.wall, decoded_theirs.wall),
        ),
        Row("… outside the transformer, of denoising", format_percent(outside[0]), format_percent(outside[1])),
        Row(f"… most that a pixel differs, levels of {LEVELS}", str(apart), goal=f"≤ {ROUNDED}"),
    ]
