"""The engine's measurements on tiny weights: each says what it should, and stops when it measured the wrong thing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXVideoTransformer3DModel
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bench.engine import engine_clips, eta, gpu_transformer, long_videos, pipelines, turbo
from bench.engine.engine_clips import BenchWeights, ClipTiming
from bench.engine.isolated_process import run_isolated
from bench.report import Row, format_table
from bench.resource_usage import PeakMemory

SHAPE = {
    "in_channels": 8,
    "out_channels": 8,
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "cross_attention_dim": 32,
    "num_layers": 2,
    "caption_channels": 24,
}
WINDOW = gpu_transformer.TransformerInput(latents=2, height=3, width=4, words=5, seconds=9 / 24)
HERE = gpu_transformer.BenchDevice(torch.device("cpu"), torch.float32, side=16, turns=1)


@pytest.fixture(scope="session")
def bench_weights(weights: Path) -> BenchWeights:
    return BenchWeights(str(weights), threads=1)


def named(rows: list[Row], part: str) -> list[Row]:
    return [row for row in rows if part in row.what]


# --- our loop and theirs --------------------------------------------------------------------------------


def test_both_loops_make_the_same_and_are_timed(bench_weights: BenchWeights) -> None:
    rows = pipelines.compare_cases(bench_weights, turns=1)
    assert len(named(rows, "ms to denoise")) == len(pipelines.CASES)
    assert {row.ours for row in named(rows, "pixel differs")} <= {"0", "1"}
    assert all("%" in row.ours and "%" in row.peer for row in named(rows, "outside the transformer"))
    assert format_table(rows)


class LessGuided(pipelines.PipelineComparison):
    """A comparison whose own loop guides a little less than that of diffusers."""

    def run_our_loop(self, *, decoded: bool) -> torch.Tensor:
        weaker = replace(self.sampling, guidance_scale=self.sampling.guidance_scale * 0.8)
        return self.denoise_window(weaker, decoded=decoded)


@pytest.mark.parametrize("case", pipelines.CASES, ids=lambda case: case.name)
def test_a_different_video_stops_the_measurement(bench_weights: BenchWeights, case: pipelines.PipelineCase) -> None:
    with pytest.raises(AssertionError, match="differ by up to"):
        pipelines.compare_case(LessGuided(engine_clips.load_modules(bench_weights), case), turns=1)


# --- length ---------------------------------------------------------------------------------------------


async def test_length_is_measured_beside_theirs(bench_weights: BenchWeights) -> None:
    with ThreadPoolExecutor(1) as here:
        lengths = (1, 2, 3)
        clips = await long_videos.run_in_turns(
            dict.fromkeys((*lengths, long_videos.THEIRS), here), lengths, bench_weights
        )
    ours, theirs = clips[3, "full"], clips[long_videos.THEIRS, "full"]
    assert 0 < ours.out <= ours.second < ours.whole
    assert 0 < theirs.second < theirs.whole
    rows = long_videos.build_rows(clips, lengths)
    assert len(named(rows, "first segment")) == 2
    assert [row.ours for row in named(rows, "latent frames denoised")] == [str(long_videos.count_denoised_latents(3))]
    assert len(named(rows, "peak memory")) == 3


def test_what_is_denoised_is_counted_with_its_context() -> None:
    assert long_videos.count_denoised_latents(1) == 2  # one window of 9 frames
    assert (
        long_videos.count_denoised_latents(20) == 3 + 9 * 5
    )  # each later one: an anchor, two that are carried, two new ones
    assert (
        long_videos.count_diffusers_latents(20) == 4 * 6 + 5
    )  # 21 latents in windows of 6, each with 2 of the one before


def without_the_first(self: Any, sigmas: torch.Tensor, **more: Any) -> None:
    FlowMatchEulerDiscreteScheduler.set_timesteps(self, sigmas=sigmas[1:], **more)


def test_a_peer_that_takes_fewer_steps_stops_the_measurement(bench_weights: BenchWeights) -> None:
    modules = engine_clips.load_modules(bench_weights)
    hasty: Any = type("Hasty", (FlowMatchEulerDiscreteScheduler,), {"set_timesteps": without_the_first})
    with pytest.raises(AssertionError, match="another number of steps"):
        long_videos.generate_with_diffusers(
            replace(modules, scheduler=hasty.from_config(modules.scheduler.config)), engine_clips.clip_request(1)
        )


# --- turbo, the estimate --------------------------------------------------------------------------------


def test_turbo_is_judged_beside_full(bench_weights: BenchWeights) -> None:
    rows = turbo.compare_qualities(bench_weights, prompts=2)
    assert "full" in rows[0].peer
    assert len(named(rows, "right, of 2")) == 7
    assert named(rows, "dB of turbo")


def test_a_twin_that_is_the_same_is_as_near_as_can_be() -> None:
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    trial: Any = type("Trial", (), {"frames": frames})
    assert turbo.twin_psnr([trial], [trial]) == [pytest.approx(78.1, abs=0.1)]


def test_the_estimate_is_held_against_what_came(bench_weights: BenchWeights) -> None:
    rows = eta.compare_estimates(bench_weights, ((1, "full"), (2, "turbo")))
    assert rows[-1].ours == "2"
    assert rows[0].goal == "≤ 30 %"


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([(1.0, 9.0), (4.0, 6.0), (6.0, 1.0)], 0.0),  # at 4 it said 6, so 5 are left at 5: true; later does not count
        ([(4.0, 11.0)], 1.0),
        ([(5.0, 2.5)], -0.5),
    ],
)
def test_what_counts_is_the_last_word_before_half_way(told: list[tuple[float, float]], wrong: float) -> None:
    assert eta.estimate_error(ClipTiming(0, 0, 10, 0, tuple(told))) == pytest.approx(wrong)


def test_an_engine_that_says_nothing_stops_the_measurement() -> None:
    with pytest.raises(AssertionError, match="nothing was said"):
        eta.estimate_error(ClipTiming(0, 0, 10, 0, ((9.0, 1.0),)))


# --- the card -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompts", [1, 2])
def test_operations_are_those_that_torch_counts(prompts: int) -> None:
    model = LTXVideoTransformer3DModel(**SHAPE).eval()
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        gpu_transformer.run_forward(model, gpu_transformer.random_inputs(SHAPE, WINDOW, HERE, prompts))
    assert counted.get_total_flops() == prompts * gpu_transformer.count_operations(SHAPE, WINDOW)


def test_a_card_is_measured_with_each_option() -> None:
    speeds: dict[str, Callable[[Any], Any]] = {
        "as it is": gpu_transformer.leave_uncompiled,
        "compiled": partial(gpu_transformer.compile_blocks, backend="eager"),
    }
    rows = gpu_transformer.measure_transformer(SHAPE, WINDOW, HERE, speeds, peak=1.0)
    assert len(named(rows, "ms for a step")) == 4
    assert len(named(rows, "s of video per second")) == 2 * (len(gpu_transformer.MODEL.sampling) + 1)
    assert len(named(rows, "data sheet")) == 4
    assert not named(gpu_transformer.measure_transformer(SHAPE, WINDOW, HERE, speeds, peak=None), "data sheet")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
async def test_without_a_card_a_row_says_so() -> None:
    (row,) = await gpu_transformer.measure_gpu_transformer()
    assert row.ours == "not measured"


# --- processes and memory -------------------------------------------------------------------------------


async def test_a_process_apart_is_another() -> None:
    assert await run_isolated(os.getpid) != os.getpid()
    with pytest.raises(ValueError, match="invalid literal"):
        await run_isolated(int, "x")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak cannot be forgotten")
def test_a_peak_is_what_was_needed_and_given_back() -> None:
    peak = PeakMemory()
    with mmap(-1, 64 << 20) as block:  # straight from the system: what was freed before does not serve
        block[:: 1 << 12] = b"x" * (len(block) >> 12)
    assert peak.growth() >= 60 << 20
    assert PeakMemory().growth() < 30 << 20, "an earlier peak must be forgotten"
