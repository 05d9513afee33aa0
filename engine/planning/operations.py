"""What the studio can do with clips, each as one request to the engine: pure arithmetic, no torch and no files.

Every function takes a request that says model, size, prompt and seed, and films by path with their length in frames
at the model's rate; it returns the request with films, prompts and pictures laid out over time.
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
"""Seconds that a loop makes anew to lead from its end to its beginning."""
BLEND_CURVES: Final[Mapping[Curve, tuple[float, ...]]] = {
    "even": (0.0, 0.25, 0.5, 0.75, 1.0),
    "early": (0.0, 0.5, 0.75, 0.9, 1.0),
    "late": (0.0, 0.1, 0.25, 0.5, 1.0),
    "sudden": (0.0, 0.1, 0.5, 0.9, 1.0),
}
"""How far a blend has gone from its first film to its second, at equal distances in time."""
PROMPT_TRANSITION: Final = 1.0
"""Seconds in which one card's prompt gives way to the next, unless the card says how long it lasts."""


@dataclass(frozen=True, slots=True)
class SourceClip:
    """A film and its length in frames at the model's rate."""

    video: Path
    frames: int


@dataclass(frozen=True, slots=True)
class StoryboardCard:
    """What a storyboard wants at second `at`: a prompt, a picture (an encoded image), or a clip that is kept.

    A prompt lasts `until` a second; without it, until shortly before the next prompt begins. Where it lasts until
    the very moment when the next begins, the clip cuts.
    """

    at: float
    prompt: str = ""
    until: float | None = None
    image: bytes = b""
    clip: SourceClip | None = None
    resize: Resize = "crop"


def extend_clip(request: Request, clip: SourceClip, seconds: float, direction: Direction) -> Request:
    """The whole clip with `seconds` more at its end or before its beginning."""
    fps, more = _fps(request), _frames(request, seconds)
    take = SourceSpan(clip.video, 0, clip.frames, more if direction == "backward" else 0)
    return replace(request, source_spans=(take,), seconds=(clip.frames + more) / fps)


def recut_clip(
    request: Request, clip: SourceClip, keep: Sequence[tuple[float, float]], seconds: float | None = None
) -> Request:
    """Only some stretches (from, to) of the clip, and something new around them.

    In a result as long as the clip they stay where they were; in a longer or shorter one what lies between them is
    longer or shorter in proportion.
    """
    total = clip.frames if seconds is None else _frames(request, seconds)
    kept = [(_frames(request, start), min(_frames(request, stop), clip.frames)) for start, stop in sorted(keep)]
    gaps = [
        later - earlier for earlier, later in pairwise([0, *(edge for part in kept for edge in part), clip.frames])
    ][::2]
    free = total - sum(stop - start for start, stop in kept)
    takes: list[SourceSpan] = []
    passed = laid = 0
    for (start, stop), gap in zip(kept, gaps, strict=False):
        passed += gap
        takes.append(SourceSpan(clip.video, start, stop - start, laid + round(free * passed / max(1, sum(gaps)))))
        laid += stop - start
    return replace(request, source_spans=tuple(takes), seconds=total / _fps(request))


def remix_clip(request: Request, clip: SourceClip, strength: Strength) -> Request:
    """The clip made again from a noised copy of itself: the stronger, the less of it is left."""
    take = SourceSpan(clip.video, 0, clip.frames, 0, (find_model(request.model).remix_strengths[strength],))
    return replace(request, source_spans=(take,), seconds=clip.frames / _fps(request))


def edit_clip(request: Request, clip: SourceClip, strength: Strength) -> Request:
    """The clip changed where the prompt says otherwise than its own; the rest is kept as well as the model can."""
    take = SourceSpan(clip.video, 0, clip.frames, 0, (find_model(request.model).edit_strengths[strength],), edited=True)
    return replace(request, source_spans=(take,), seconds=clip.frames / _fps(request))


def blend_clips(request: Request, first: SourceClip, second: SourceClip, curve: Curve, seconds: float) -> Request:
    """A clip that begins as one film and ends as another; half-way it is made from neither."""
    total = _frames(request, seconds)
    gone = [_at(BLEND_CURVES[curve], frame / max(1, total - 1)) for frame in range(total)]
    before, behind = min(first.frames, total), min(second.frames, total)
    leaving = tuple(max(0.0, 1 - 2 * each) for each in gone[:before])
    coming = tuple(max(0.0, 2 * each - 1) for each in gone[total - behind :])
    takes = (
        SourceSpan(first.video, 0, before, 0, leaving),
        SourceSpan(second.video, second.frames - behind, behind, total - behind, coming),
    )
    return replace(request, source_spans=takes, seconds=total / _fps(request))


def loop_clip(request: Request, clip: SourceClip, length: Length) -> Request:
    """A clip as long as the source that goes on from its end to its beginning: the source without its first seconds,
    and in their place as many that lead back.
    """
    bridge = min(_frames(request, LOOP_SECONDS[length]), clip.frames // 2)
    take = SourceSpan(clip.video, bridge, clip.frames - bridge, 0)
    return replace(request, source_spans=(take,), loop=True, seconds=clip.frames / _fps(request))


def lay_out_storyboard(request: Request, cards: Sequence[StoryboardCard]) -> Request:
    """Cards on the request's own length; what no card says is up to the model."""
    ordered = sorted(cards, key=lambda card: card.at)
    prompts = [card for card in ordered if card.prompt]
    ends = [*(card.at for card in prompts[1:]), request.seconds]
    return replace(
        request,
        prompt_spans=tuple(_cue(request, card, follows) for card, follows in zip(prompts, ends, strict=True)),
        conditions=(
            *request.conditions,
            *(
                ImageCondition(card.image, _frames(request, card.at), resize=card.resize)
                for card in ordered
                if card.image
            ),
        ),
        source_spans=tuple(
            SourceSpan(card.clip.video, 0, card.clip.frames, _frames(request, card.at)) for card in ordered if card.clip
        ),
    )


def _cue(request: Request, card: StoryboardCard, follows: float) -> PromptSpan:
    until = (
        follows - min(PROMPT_TRANSITION, (follows - card.at) / 2) if card.until is None else min(card.until, follows)
    )
    return PromptSpan(_frames(request, card.at), _frames(request, until), card.prompt)


def _at(values: Sequence[float], along: float) -> float:
    """A line through evenly spaced values, `along` from 0 to 1."""
    place = along * (len(values) - 1)
    left = min(int(place), len(values) - 2)
    return values[left] + (values[left + 1] - values[left]) * (place - left)


def _fps(request: Request) -> int:
    return find_model(request.model).fps


def _frames(request: Request, seconds: float) -> int:
    return round(seconds * _fps(request))
