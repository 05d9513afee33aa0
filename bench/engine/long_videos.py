"""Measures twenty seconds in the engine and in diffusers' `LTXI2VLongMultiPromptPipeline` on the same modules, and the
cost of length in the engine, in time and in memory.

Theirs gets windows as long as the model was trained on, with the context that ours hands on; it makes all latents,
then decodes all of them, so nothing can be watched before. Its frames go through the same encoder.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from diffusers import LTXI2VLongMultiPromptPipeline
from diffusers.pipelines.ltx.pipeline_ltx_i2v_long_multi_prompt import split_into_temporal_windows
from numpy.typing import NDArray

from bench.engine.engine_clips import (
    BUNDLED,
    MODEL,
    NATIVE,
    BenchWeights,
    ClipTimer,
    ClipTiming,
    best_timing,
    clip_request,
    load_modules,
    time_clip,
)
from bench.engine.isolated_process import call_in_process, isolated_process
from bench.report import Row, format_figure, format_percent, format_ratio
from engine.diffusion.schedule import noise_levels, resolve_sampling
from engine.loading.loader import Modules
from engine.media.video_writer import VideoWriter
from engine.placement.lora import activate_loras
from engine.planning.timeline import plan_clip
from engine.safety.output_gate import finish_frames
from engine.types import Quality, Request

LENGTHS: Final = (5, 10, 20)  # seconds
THEIRS: Final = "diffusers"
MEBI: Final = 1 << 20

Maker: TypeAlias = int | str
"""The engine at one length, or THEIRS at the greatest."""
Clips: TypeAlias = Mapping[tuple[Maker, Quality], ClipTiming]


async def measure_long_videos() -> list[Row]:
    """Each maker in a process of its own, so that each peak of memory is its own."""
    with ExitStack() as stack:
        makers: tuple[Maker, ...] = (*LENGTHS, THEIRS)
        places = {maker: stack.enter_context(isolated_process()) for maker in makers}
        return build_rows(await run_in_turns(places, LENGTHS), LENGTHS)


async def run_in_turns(
    places: Mapping[Maker, Executor], lengths: Sequence[int], weights: BenchWeights = BUNDLED
) -> Clips:
    """Everybody's best. Full quality comes first: a process is fresh once. The middle length comes once: it is there
    for its memory.
    """
    short, _, long = lengths
    turns: list[tuple[Quality, Sequence[int]]] = [("full", lengths), ("full", (short, long)), ("turbo", (short, long))]
    clips: dict[tuple[Maker, Quality], list[ClipTiming]] = {}
    for quality, seconds in turns:
        makers: tuple[Maker, ...] = (*seconds, THEIRS)
        for maker in makers:
            make, length = (time_clip, maker) if isinstance(maker, int) else (time_diffusers_clip, long)
            clip = await call_in_process(places[maker], make, weights, clip_request(length, quality))
            clips.setdefault((maker, quality), []).append(clip)
    return {which: best_timing(some) for which, some in clips.items()}


# --- diffusers ------------------------------------------------------------------------------------------


def time_diffusers_clip(weights: BenchWeights, request: Request) -> ClipTiming:
    """Their pipeline makes the clip, and our encoder writes it: the first second first, then the rest."""
    parts = load_modules(weights)
    watch = ClipTimer()
    frames = generate_with_diffusers(parts, request)
    with tempfile.TemporaryDirectory() as folder:
        with VideoWriter(Path(folder), *NATIVE, MODEL.fps, len(frames), torch.get_num_threads()) as film:
            for stretch in np.split(frames, [MODEL.fps]):
                film.write_frames(finish_frames([stretch]))
                watch.record_event(film.cut_segment())
        return watch.timing()


def generate_with_diffusers(parts: Modules, request: Request) -> NDArray[np.float32]:
    """The frames of the clip, [F, H, W, 3] in 0..1, after as many steps in each window as ours takes."""
    how, length = resolve_sampling(MODEL, request, parts.adapters), plan_clip(request).frames
    activate_loras(parts.transformer, how.lora_weights)
    passes: list[int] = []
    hook = parts.transformer.register_forward_hook(lambda *_: passes.append(1))
    with warnings.catch_warnings():
        # Diffusers hands numpy a tensor in a way that numpy 2 warns of.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        frames: NDArray[np.float32] = _build_pipeline(parts)(
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            width=NATIVE.width,
            height=NATIVE.height,
            num_frames=MODEL.temporal_compression * (_latents_for_frames(length) - 1) + 1,
            frame_rate=MODEL.fps,
            sigmas=torch.tensor([*noise_levels(how), 0.0], dtype=torch.float32),  # it leaves out the last of them
            guidance_scale=how.guidance_scale,
            seed=request.seed,
            temporal_tile_size=MODEL.temporal_compression * _LONGEST,
            temporal_overlap=MODEL.temporal_compression * MODEL.context_latents,
            decode_horizontal_tiles=1,
            decode_vertical_tiles=1,
            output_type="np",
            max_sequence_length=min(MODEL.max_prompt_tokens, parts.tokenizer.model_max_length),
        ).frames[0]
    hook.remove()
    assert len(passes) == how.steps * len(_diffusers_windows(length)), "they took another number of steps"
    return frames[:length]


def _build_pipeline(parts: Modules) -> Any:
    scheduler = type(parts.scheduler).from_config(parts.scheduler.config)
    pipeline = LTXI2VLongMultiPromptPipeline(
        scheduler, parts.vae, parts.text_encoder, parts.tokenizer, parts.transformer
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _latents_for_frames(frames: int) -> int:
    """Latents that hold at least so many frames."""
    return 1 + -(-(frames - 1) // MODEL.temporal_compression)


_LONGEST: Final = _latents_for_frames(MODEL.window_frames)


def _diffusers_windows(frames: int) -> list[tuple[int, int]]:
    """The first latent of each of their windows, and the one behind its last."""
    windows: list[tuple[int, int]] = split_into_temporal_windows(
        _latents_for_frames(frames), _LONGEST, MODEL.context_latents, MODEL.temporal_compression
    )
    return windows


# --- the table's part -----------------------------------------------------------------------------------


def count_denoised_latents(seconds: float) -> int:
    """Latent frames that our windows denoise, with what they are given as context."""
    return sum(window.latents for window in plan_clip(clip_request(seconds)).windows)


def count_diffusers_latents(seconds: float) -> int:
    """The same of theirs."""
    return sum(behind - first for first, behind in _diffusers_windows(plan_clip(clip_request(seconds)).frames))


def build_rows(clips: Clips, lengths: Sequence[int]) -> list[Row]:
    """Beside theirs, then longer beside shorter."""
    short, _, long = lengths
    return [
        *(row for quality in ("full", "turbo") for row in _comparison_rows(clips, long, quality)),
        Row(
            "… latent frames denoised, context included",
            str(count_denoised_latents(long)),
            str(count_diffusers_latents(long)),
        ),
        *(_length_cost_row(clips, short, long, quality) for quality in ("full", "turbo")),
        *_memory_rows(clips, lengths),
    ]


def _comparison_rows(clips: Clips, long: int, quality: Quality) -> list[Row]:
    ours, other = clips[long, quality], clips[THEIRS, quality]
    rows = [
        Row(
            f"{long} s, {quality}: seconds to the first that can be watched",
            format_figure(ours.second),
            f"{format_figure(other.second)} {THEIRS}",
            format_ratio(ours.second, other.second),
        ),
        Row(
            "… to the whole video",
            format_figure(ours.whole),
            format_figure(other.whole),
            format_ratio(ours.whole, other.whole),
        ),
        Row("… first segment, share of that time", format_percent(ours.out / ours.whole), goal="≤ 25 %"),
    ]
    if quality == "full":
        most = (format_figure(ours.peak / MEBI), format_figure(other.peak / MEBI))
        rows.append(Row("… peak memory beyond the weights, MiB", most[0], most[1], format_ratio(ours.peak, other.peak)))
    return rows


def _length_cost_row(clips: Clips, short: int, long: int, quality: Quality) -> Row:
    times = clips[long, quality].whole / clips[short, quality].whole
    frames = count_denoised_latents(long) / count_denoised_latents(short)
    name = f"{long} s cost how often {short} s, {quality}"
    return Row(
        name,
        format_figure(times),
        f"{format_figure(frames)} latent frames",
        format_ratio(times, frames),
        "≤ 1.05 and ≤ 4.5 times",
    )


def _memory_rows(clips: Clips, lengths: Sequence[int]) -> list[Row]:
    peaks = {seconds: clips[seconds, "full"].peak for seconds in lengths}
    short, *longer = lengths
    return [
        Row(
            f"peak memory beyond the weights, MiB: {seconds} s",
            format_figure(peaks[seconds] / MEBI),
            f"{format_figure(peaks[short] / MEBI)} {short} s",
            format_ratio(peaks[seconds], peaks[short]),
            "flat",
        )
        for seconds in longer
    ]
