"""The table of how cleanly clips are drawn, beside drawn clips of the same scenes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from engine.mini.evaluation.picture_quality import PictureQuality, measure_quality
from engine.mini.evaluation.scores import Trial


class MeasuredClip(NamedTuple):
    """A clip and its quality."""

    trial: Trial
    quality: PictureQuality


_STEADY: Final[Mapping[str, Callable[[Trial], float]]] = {
    "flicker, levels": lambda trial: trial.verdict.flicker,
    "jump, levels": lambda trial: trial.verdict.jump,
}
_MOVING: Final[Mapping[str, Callable[[MeasuredClip], float]]] = {
    "ghost, %": lambda clip: 100 * clip.quality.ghost,
    "fuzz, pixels": lambda clip: clip.quality.fuzz,
    "wobble, %": lambda clip: 100 * clip.quality.wobble,
    "sharpness, levels": lambda clip: clip.trial.verdict.sharpness,
    "grid, levels": lambda clip: clip.quality.grid,
}


def quality_table(trials: Sequence[Trial], ceiling: Sequence[Trial]) -> str:
    """Markdown: flicker and jump of the scenery, the median of all clips; then `PictureQuality` and sharpness, the mean
    of the clips that count (`measure_clips`).
    """
    lines = ["| | clips | drawn clips |", "|---|---|---|"]
    for name, figure in _STEADY.items():
        lines.append(
            f"| {name} | {' | '.join(f'{np.median([figure(t) for t in some]):.2f}' for some in (trials, ceiling))} |"
        )
    ours, theirs = measure_clips(trials), measure_clips(ceiling)
    for name, measure in _MOVING.items():
        lines.append(f"| {name} | {_mean(measure, ours)} | {_mean(measure, theirs)} |")
    return "\n".join((*lines, "", f"All but the first two: {len(ours)} dry clips whose thing moves."))


def measure_clips(trials: Sequence[Trial]) -> list[MeasuredClip]:
    """The clips whose quality counts: something moves, so that the background behind it is seen, and no rain falls,
    whose streaks are of some things' colour.
    """
    chosen = [trial for trial in trials if trial.scene.motion != "still" and not trial.scene.rain]
    measured = [(trial, measure_quality(trial.frames)) for trial in chosen]
    return [MeasuredClip(trial, quality) for trial, quality in measured if quality is not None]


def _mean(measure: Callable[[MeasuredClip], float], clips: Sequence[MeasuredClip]) -> str:
    return f"{np.mean([measure(clip) for clip in clips]):.2f}" if clips else "–"
