"""Compares turbo with full on the same held-out prompts and seeds: speed, similarity, and the share of correct clips.

The checks are those of `engine.mini.evaluate`, which with `--turbo` makes more clips than there is time for here.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from bench.engine import engine_clips
from bench.engine.isolated_process import run_isolated
from bench.report import Row, format_figure, format_ratio
from engine.mini.evaluation import sampling, scores
from engine.mini.evaluation.sampling import ClipGenerator, EvaluationPrompt
from engine.mini.evaluation.scores import SINGLE, Trial
from engine.types import Quality

PROMPTS: Final = 8
QUALITIES: Final[tuple[Quality, Quality]] = ("turbo", "full")


class JudgedClips(NamedTuple):
    """One quality's clips, judged, and the seconds that each took."""

    trials: list[Trial]
    seconds: list[float]


async def measure_turbo() -> list[Row]:
    """Measure in a process of its own."""
    return await run_isolated(compare_qualities, engine_clips.BUNDLED, PROMPTS)


def compare_qualities(weights: engine_clips.BenchWeights, prompts: int) -> list[Row]:
    """Clip by clip in turns, after one of each that does not count."""
    studios = [
        ClipGenerator(engine_clips.shared_engine(weights), engine_clips.NATIVE, quality) for quality in QUALITIES
    ]
    made = [JudgedClips([], []) for _ in QUALITIES]
    asked = sampling.held_out_prompts(prompts)
    for each in studios:
        each.generate(asked[0].prompt, 0, length=1)
    for seed, question in enumerate(asked):
        for each, so_far in zip(studios, made, strict=True):
            make_and_judge_clip(each, question, seed, so_far)
    turbo, full = made
    return build_rows(turbo, full)


def make_and_judge_clip(of_quality: ClipGenerator, question: EvaluationPrompt, seed: int, so_far: JudgedClips) -> None:
    """Make one clip and judge it."""
    before = of_quality.seconds
    frames = of_quality.generate(question.prompt, seed)
    so_far.seconds.append(of_quality.seconds - before)
    so_far.trials.append(sampling.judge_prompt(question, frames))


def twin_psnr(turbo: Sequence[Trial], full: Sequence[Trial]) -> list[float]:
    """How near each clip is to its twin, in dB."""
    return [sampling.peak_snr(fast.frames, slow.frames) for fast, slow in zip(turbo, full, strict=True)]


def build_rows(turbo: JudgedClips, full: JudgedClips) -> list[Row]:
    """The rows of the table."""
    fast, slow = sum(turbo.seconds), sum(full.seconds)
    decibels = twin_psnr(turbo.trials, full.trials)
    clips = len(decibels)
    return [
        Row(
            "5 s in turbo: seconds",
            format_figure(fast / clips),
            f"{format_figure(slow / clips)} full",
            format_ratio(fast, slow),
        ),
        Row("… times as fast", format_figure(slow / fast)),
        Row(
            "… dB of turbo against full, median",
            format_figure(median(decibels)),
            f"at worst {format_figure(min(decibels))}",
        ),
        *(
            Row(
                f"… {name} right, of {clips}",
                scores.accuracy_share(turbo.trials, check),
                f"{scores.accuracy_share(full.trials, check)} full",
            )
            for name, check in SINGLE.items()
        ),
    ]
