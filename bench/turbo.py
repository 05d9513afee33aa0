"""Turbo beside full: the same held-out prompts and seeds, how fast, how alike, and how much of it is right.

The judge is the one of `engine.mini.evaluate`, which with `--turbo` asks for more clips than there is time for here.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from bench import engine_clips
from bench.isolated_process import alone
from bench.report import Row, figure, of
from engine.mini.evaluation import sampling, scores
from engine.mini.evaluation.sampling import Question, Studio
from engine.mini.evaluation.scores import SINGLE, Trial
from engine.types import Quality

PROMPTS: Final = 8
QUALITIES: Final[tuple[Quality, Quality]] = ("turbo", "full")


class Films(NamedTuple):
    """One quality's clips, judged, and the seconds that each took."""

    trials: list[Trial]
    seconds: list[float]


async def measure() -> list[Row]:
    """In a process of its own."""
    return await alone(compared, engine_clips.BUNDLED, PROMPTS)


def compared(weights: engine_clips.Weights, prompts: int) -> list[Row]:
    """Clip by clip in turns, after one of each that does not count."""
    studios = [Studio(engine_clips.engine(weights), engine_clips.NATIVE, quality) for quality in QUALITIES]
    made = [Films([], []) for _ in QUALITIES]
    asked = sampling.questions(prompts)
    for each in studios:
        each.film(asked[0].prompt, 0, length=1)
    for seed, question in enumerate(asked):
        for each, so_far in zip(studios, made, strict=True):
            film(each, question, seed, so_far)
    turbo, full = made
    return rows(turbo, full)


def film(of_quality: Studio, question: Question, seed: int, so_far: Films) -> None:
    """Make one clip and judge it."""
    before = of_quality.seconds
    frames = of_quality.film(question.prompt, seed)
    so_far.seconds.append(of_quality.seconds - before)
    so_far.trials.append(sampling.answered(question, frames))


def alike(turbo: Sequence[Trial], full: Sequence[Trial]) -> list[float]:
    """How near each clip is to its twin, in dB."""
    return [sampling.psnr(fast.frames, slow.frames) for fast, slow in zip(turbo, full, strict=True)]


def rows(turbo: Films, full: Films) -> list[Row]:
    """The table's part."""
    fast, slow = sum(turbo.seconds), sum(full.seconds)
    decibels = alike(turbo.trials, full.trials)
    clips = len(decibels)
    return [
        Row("5 s in turbo: seconds", figure(fast / clips), f"{figure(slow / clips)} full", of(fast, slow)),
        Row("… times as fast", figure(slow / fast)),
        Row("… dB of turbo against full, median", figure(median(decibels)), f"at worst {figure(min(decibels))}"),
        *(
            Row(
                f"… {name} right, of {clips}",
                scores.share(turbo.trials, check),
                f"{scores.share(full.trials, check)} full",
            )
            for name, check in SINGLE.items()
        ),
    ]
