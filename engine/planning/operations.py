"""The operations on clips (extend, recut, remix, edit, blend, loop, storyboard), each as one request to the engine.

Pure arithmetic, no torch and no files. Every function takes a request with model, size, prompt and seed, and source
videos by path with their length in frames at the model's rate. It returns the request with source spans, prompt spans
and images laid out over time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, TypeAlias

from engine.catalog.registry import find_model
from engine.types import ImageCondition, PromptSpan, Request, Resize, SourceSpan, Strength

Direction: TypeAlias = Literal["forward", "backward"]
Length: TypeAlias = Literal["short", "normal", "long"]
Curve: TypeAlias = Literal["even", "early", "late", "sudden"]

LOOP_SECONDS: Final[Mapping[Length, float]] = {"short": 1.0, "normal": 2.0, "long": 3.0}
"""Seconds that a loop generates to lead from its end to its beginning."""
BLEND_CURVES: Final[Mapping[Curve, tuple[float, ...]]] = {
    "even": (0.0, 0.25, 0.5, 0.75, 1.0),
    "early": (0.0, 0.5, 0.75, 0.9, 1.0),
    "late": (0.0, 0.1, 0.25, 0.5, 1.0),
    "sudden": (0.0, 0.1, 0.5, 0.9, 1.0),
}
"""Progress of a blend from its first video (0) to its second (1), at equal distances in time."""
PROMPT_TRANSITION: Final = 1.0
"""Seconds of transition from one card's prompt to the next, unless the card has an `until`."""


@dataclass(frozen=True, slots=True)
class SourceClip:
    """A source video and its length in frames at the model's rate."""

    video: Path
    frames: int


@dataclass(frozen=True, slots=True)
class EngineCard:
    """One card of a storyboard at second `at`: a prompt, an encoded image, or a clip that is copied.

    A prompt lasts `until` a second; without it, until shortly before the next prompt begins. Where it lasts until the
    next one begins, the clip cuts.
    """

    at: float
    prompt: str = ""
    until: float | None = None
    image: bytes = b""
    clip: SourceClip | None = None
    resize: Resize = "crop"


def extend_clip(request: Request, clip: SourceClip, seconds: float, direction: Direction) -> Request:
    """The whole clip with `seconds` more behind its end or before its beginning."""
    fps, more = _frame_rate(request), _to_frames(request, seconds)
    span = SourceSpan(clip.video, 0, clip.frames, more if direction == "backward" else 0)
    return replace(request, source_spans=(span,), seconds=(clip.frames + more) / fps)


def recut_clip(
    request: Request, clip: SourceClip, keep: Sequence[tuple[float, float]], seconds: float | None = None
) -> Request:
    """Some parts (from, to) of the clip in seconds, with new frames around them.

    In a result as long as the clip the parts stay where they were; otherwise the gaps between them grow or shrink in
    proportion. `seconds` of None keeps the clip's length.
    """
    total = clip.frames if seconds is None else _to_frames(request, seconds)
    kept = [(_to_frames(request, start), min(_to_frames(request, stop), clip.frames)) for start, stop in sorted(keep)]
    gaps = [
        later - earlier for earlier, later in pairwise([0, *(edge for part in kept for edge in part), clip.frames])
    ][::2]
    free = total - sum(stop - start for start, stop in kept)
    spans: list[SourceSpan] = []
    passed = placed = 0
    for (start, stop), gap in zip(kept, gaps, strict=False):
        passed += gap
        spans.append(SourceSpan(clip.video, start, stop - start, placed + round(free * passed / max(1, sum(gaps)))))
        placed += stop - start
    return replace(request, source_spans=tuple(spans), seconds=total / _frame_rate(request))


def remix_clip(request: Request, clip: SourceClip, strength: Strength) -> Request:
    """The clip generated again from a noised copy of itself (SDEdit); a stronger remix keeps less of it."""
    span = SourceSpan(clip.video, 0, clip.frames, 0, (find_model(request.model).remix_strengths[strength],))
    return replace(request, source_spans=(span,), seconds=clip.frames / _frame_rate(request))


def edit_clip(request: Request, clip: SourceClip, strength: Strength) -> Request:
    """The clip changed where the prompt differs from `source_prompt`; the model keeps the rest as well as it can."""
    span = SourceSpan(clip.video, 0, clip.frames, 0, (find_model(request.model).edit_strengths[strength],), edited=True)
    return replace(request, source_spans=(span,), seconds=clip.frames / _frame_rate(request))


def blend_clips(request: Request, first: SourceClip, second: SourceClip, curve: Curve, seconds: float) -> Request:
    """A clip that begins as one video and ends as another; half-way it is generated from neither."""
    total = _to_frames(request, seconds)
    progress = [_interpolate(BLEND_CURVES[curve], frame / max(1, total - 1)) for frame in range(total)]
    before, behind = min(first.frames, total), min(second.frames, total)
    leaving = tuple(max(0.0, 1 - 2 * share) for share in progress[:before])
    coming = tuple(max(0.0, 2 * share - 1) for share in progress[total - behind :])
    spans = (
        SourceSpan(first.video, 0, before, 0, leaving),
        SourceSpan(second.video, second.frames - behind, behind, total - behind, coming),
    )
    return replace(request, source_spans=spans, seconds=total / _frame_rate(request))


def loop_clip(request: Request, clip: SourceClip, length: Length) -> Request:
    """A clip as long as the source whose end leads to its beginning: the source without its first seconds, and as many
    generated ones that lead back.
    """
    bridge = min(_to_frames(request, LOOP_SECONDS[length]), clip.frames // 2)
    span = SourceSpan(clip.video, bridge, clip.frames - bridge, 0)
    return replace(request, source_spans=(span,), loop=True, seconds=clip.frames / _frame_rate(request))


def lay_out_storyboard(request: Request, cards: Sequence[EngineCard]) -> Request:
    """Cards laid out over the request's own length; the model is free between them."""
    ordered = sorted(cards, key=lambda card: card.at)
    prompts = [card for card in ordered if card.prompt]
    ends = [*(card.at for card in prompts[1:]), request.seconds]
    return replace(
        request,
        prompt_spans=tuple(_prompt_span(request, card, follows) for card, follows in zip(prompts, ends, strict=True)),
        conditions=(
            *request.conditions,
            *(
                ImageCondition(card.image, _to_frames(request, card.at), resize=card.resize)
                for card in ordered
                if card.image
            ),
        ),
        source_spans=tuple(
            SourceSpan(card.clip.video, 0, card.clip.frames, _to_frames(request, card.at))
            for card in ordered
            if card.clip
        ),
    )


def _prompt_span(request: Request, card: EngineCard, follows: float) -> PromptSpan:
    until = (
        follows - min(PROMPT_TRANSITION, (follows - card.at) / 2) if card.until is None else min(card.until, follows)
    )
    return PromptSpan(_to_frames(request, card.at), _to_frames(request, until), card.prompt)


def _interpolate(values: Sequence[float], along: float) -> float:
    """Linear interpolation of evenly spaced values; `along` goes from 0 to 1."""
    place = along * (len(values) - 1)
    left = min(int(place), len(values) - 2)
    return values[left] + (values[left + 1] - values[left]) * (place - left)


def _frame_rate(request: Request) -> int:
    return find_model(request.model).fps


def _to_frames(request: Request, seconds: float) -> int:
    return round(seconds * _frame_rate(request))
