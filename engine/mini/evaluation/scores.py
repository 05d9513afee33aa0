"""Scores clips against the scenes they should show: shares with confidence intervals, chance levels, a contact sheet.

Whether the clips were drawn, decoded or generated does not matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.mini.dataset.arrays import ByteArray
from engine.mini.dataset.scenes import FPS, MOTIONS, Scene
from engine.mini.evaluation.judge import ClipVerdict, judge_clip

if TYPE_CHECKING:
    from pathlib import Path

    from engine.mini.dataset.vocabulary import Language

Check = Callable[[Scene, ClipVerdict], bool]

SHOWN: Final = 6  # frames of a clip on the contact sheet
ROW: Final = 96  # their height in pixels
LABEL: Final = 16  # height of the line of text above them


@dataclass(frozen=True, slots=True)
class Trial:
    """A scene, its prompt, the frames of a clip that should show it, and the judge's verdict on them."""

    scene: Scene
    prompt: str
    frames: ByteArray
    verdict: ClipVerdict
    language: Language = "en"


def judge_trial(
    scene: Scene, frames: ByteArray, prompt: str = "", language: Language = "en", fps: float = FPS
) -> Trial:
    """Judge frames, uint8 [F, H, W, 3] of any size, that should show this scene."""
    return Trial(scene, prompt, frames, judge_clip(frames, fps), language)


# --- checks ----------------------------------------------------------------------------------


def _same_attribute(name: str) -> Check:
    return lambda scene, verdict: bool(getattr(scene, name) == getattr(verdict, name))


def _all_of(checks: Mapping[str, Check]) -> Check:
    return lambda scene, verdict: all(check(scene, verdict) for check in checks.values())


def _both_colours(scene: Scene, verdict: ClipVerdict) -> bool:
    return {colour for _, colour in _named_things(scene)} == {colour for _, colour in _named_things(verdict)}


def _both_things(scene: Scene, verdict: ClipVerdict) -> bool:
    return sorted(_named_things(scene)) == sorted(_named_things(verdict))


def _named_things(of: Scene | ClipVerdict) -> list[tuple[str, str]]:
    return [(of.thing, of.colour)] + ([of.second] if of.second else [])


SCENERY: Final[Mapping[str, Check]] = {
    "place": _same_attribute("place"),
    "time of day": _same_attribute("time"),
    "rain": _same_attribute("rain"),
}
_SINGLE: Final[Mapping[str, Check]] = {
    "colour": _same_attribute("colour"),
    "shape": _same_attribute("thing"),
    "motion": _same_attribute("motion"),
    **SCENERY,
}
SINGLE: Final[Mapping[str, Check]] = {**_SINGLE, "all of these": _all_of(_SINGLE)}
_PAIR: Final[Mapping[str, Check]] = {
    "both colours": _both_colours,
    "both shapes, each in its colour": _both_things,
    "both move as asked": lambda scene, verdict: verdict.motion == scene.motion and verdict.together,
    **SCENERY,
}
PAIR: Final[Mapping[str, Check]] = {**_PAIR, "all of these": _all_of(_PAIR)}


# --- shares ---------------------------------------------------------------------------------------------


def format_percent(right: Iterable[bool]) -> str:
    """Such as "93 %", or a dash for an empty iterable."""
    counted = list(right)
    return f"{100 * np.mean(counted):.0f} %" if counted else "–"


def accuracy_share(trials: Iterable[Trial], check: Check) -> str:
    return format_percent(check(trial.scene, trial.verdict) for trial in trials)


def confidence_interval(trials: Sequence[Trial], check: Check) -> str:
    """The 95 % interval of the share, in percent by Wilson's formula, such as "85–97"."""
    count, z = len(trials), 1.96
    if not count:
        return "–"
    right = sum(check(t.scene, t.verdict) for t in trials) / count
    middle = (right + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * sqrt(right * (1 - right) / count + z * z / (4 * count * count))
    return f"{100 * max(0, middle - reach):.0f}–{100 * min(1, middle + reach):.0f}"


def chance_level(trials: Sequence[Trial], check: Check) -> str:
    """The share that the same clips reach when each is checked against the other prompts."""
    return format_percent(
        check(wanted.scene, seen.verdict) for seen in trials for wanted in trials if seen is not wanted
    )


# --- tables, as Markdown --------------------------------------------------------------------------------


def accuracy_table(trials: Sequence[Trial], ceiling: Sequence[Trial], checks: Mapping[str, Check] = SINGLE) -> str:
    """One row per check: clips, the judge's own ceiling on drawn clips of the same scenes, and chance."""
    lines = ["| | right | 95 % interval | drawn clips | chance |", "|---|---|---|---|---|"]
    for name, check in checks.items():
        figures = (
            accuracy_share(trials, check),
            confidence_interval(trials, check),
            accuracy_share(ceiling, check),
            chance_level(trials, check),
        )
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return "\n".join(lines)


def motion_table(trials: Sequence[Trial], ceiling: Sequence[Trial]) -> str:
    lines = ["| motion | right | 95 % interval | drawn clips | clips | seen instead |", "|---|---|---|---|---|---|"]
    for motion in MOTIONS:
        ours, theirs = ([t for t in some if t.scene.motion == motion] for some in (trials, ceiling))
        instead = [t.verdict.motion or "none" for t in ours if t.verdict.motion != motion]
        check = SINGLE["motion"]
        figures = (
            accuracy_share(ours, check),
            confidence_interval(ours, check),
            accuracy_share(theirs, check),
            str(len(ours)),
            ", ".join(instead),
        )
        lines.append(f"| {motion} | {' | '.join(figures)} |")
    return "\n".join(lines)


def language_table(trials: Sequence[Trial], checks: Mapping[str, Check] = SINGLE) -> str:
    kinds = {name: [t for t in trials if t.language == code] for name, code in (("English", "en"), ("French", "fr"))}
    return side_by_side({f"{name} ({len(some)})": some for name, some in kinds.items()}, checks)


def side_by_side(columns: Mapping[str, Sequence[Trial]], checks: Mapping[str, Check] = SINGLE) -> str:
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| {name} | {' | '.join(accuracy_share(t, check) for t in columns.values())} |"
        for name, check in checks.items()
    ]
    return "\n".join(lines)


# --- contact sheet --------------------------------------------------------------------------------------


def contact_sheet(trials: Sequence[Trial], file: Path) -> None:
    """One row of frames per clip, under its prompt and the verdicts that differ from it."""
    rows = [_sheet_row(trial) for trial in trials]
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    sheet.save(file)


def _sheet_row(of: Trial) -> Image.Image:
    chosen = of.frames[np.linspace(0, len(of.frames) - 1, SHOWN).round().astype(int)]
    width = round(of.frames.shape[2] * ROW / of.frames.shape[1])
    row = Image.new("RGB", (width * SHOWN, ROW + LABEL), "white")
    wrong = [
        f"{name}: {_verdict_text(of.verdict, name)}"
        for name, check in _SINGLE.items()
        if not check(of.scene, of.verdict)
    ]
    label = " · ".join([of.prompt, *wrong]).encode("latin-1", "replace")  # all that the built-in font can write
    ImageDraw.Draw(row).text((2, 2), label, fill="black", font=ImageFont.load_default_imagefont())
    for number, frame in enumerate(chosen):
        picture = Image.fromarray(frame).resize((width, ROW), Image.Resampling.LANCZOS)
        row.paste(picture, (number * width, LABEL))
    return row


def _verdict_text(verdict: ClipVerdict, name: str) -> str:
    seen = getattr(verdict, {"shape": "thing", "time of day": "time"}.get(name, name))
    return {True: "yes", False: "no", "": "none"}.get(seen, str(seen))
