"""Fills a gap: its windows, what each sees and is told, and what can be shown once it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from engine.catalog.model import ModelEntry
from engine.planning.plan import (
    DecodeSpan,
    FrameRef,
    Gap,
    GuideLatents,
    LeadSource,
    Step,
    TrailSource,
    Window,
    WindowKeyframe,
    WindowLayout,
    derive_seed,
    frame_behind,
)
from engine.types import ImageCondition, PromptSpan, Request, SourceSpan

DECODE_BEHIND: Final = 3
"""Latents already shown that are decoded again as context: the decoder looks both ways in time."""
DECODE_AHEAD: Final = 1
"""Latents at the end of a window that wait for the next one, so that they too are decoded with both neighbours."""
SHORT: Final = 2.5
"""Seconds a window may add, so that a clip can be watched early and a cancel loses little."""


def filled(model: ModelEntry, request: Request, total: int, gaps: Sequence[Gap], index: int) -> Iterator[Step]:
    """The windows of one of a clip's gaps and what can be shown after each, in the order in which they are made.

    From front to back, so that they can be watched; but where the only film is behind, each must lead to what
    follows it, so that they are made from back to front and shown when all are there.
    """
    gap = gaps[index]
    windows = [_directed(model, request, total, gap, layout) for layout in _layouts(model, gaps, index)]
    shown = list(_shown(model, index, gap, windows))
    if gap.is_backwards:
        yield from reversed(windows)
        yield from (step for step in shown if step)
        return
    for window, step in zip(windows, shown, strict=True):
        yield window
        if step:
            yield from _stretches(model, gap, step)


def _layouts(model: ModelEntry, gaps: Sequence[Gap], index: int) -> Iterator[WindowLayout]:
    """Layouts of a gap's windows, front to back."""
    gap = gaps[index]
    first, lengths = gap.context_before, _lengths(model, gap)
    for number, new in enumerate(lengths):
        before: LeadSource
        if number == 0:
            before, lead = "video" if gap.before else "nothing", gap.context_before
        elif gap.is_backwards:
            before, lead = "blank", 1
        else:
            before, lead = "latents", 1 + min(model.context_latents, first - 1)
        begun = gaps[0].last if index else model.temporal_compression * (first - 1)
        behind, trail = _behind(model, gap, first, new, begun)
        yield WindowLayout(
            gap=index, first=first, new=new, lead_source=before, lead=lead, trail_source=behind, trail=trail
        )
        first += new


def _behind(model: ModelEntry, gap: Gap, first: int, new: int, begun: int) -> tuple[TrailSource, int]:
    """What a window sees behind what it makes, and how many latents of it. Up to frame `begun` the clip's own beginning
    is there to return to: what the gap has of it so far, or all of an earlier gap, which may end at a cut.
    """
    most, left = model.context_latents, gap.latents - first - new
    if left and gap.is_backwards:
        return "latents", min(most, left + gap.context_behind)
    if left:
        return "nothing", 0
    if gap.returns_to_start:
        made = begun - (gap.origin + model.temporal_compression * (gap.latents - 1) - gap.last - 1)
        return "beginning", max(0, min(most, made // model.temporal_compression))
    return ("video", gap.context_behind) if gap.context_behind else ("nothing", 0)


def _lengths(model: ModelEntry, gap: Gap) -> list[int]:
    """New latents of each window: as few windows as possible, all about as long.

    Equal windows cost the same, so that progress is even, and none is a stub too short to move. Raises ValueError for
    a gap that no number of them fills, which `catalog.check_request` would have refused.
    """
    new = gap.latents - gap.context_before
    count = 2 if gap.returns_to_start and new > 1 else 1
    while sum(most := _most(model, gap, count)) < new:
        if count > new:
            raise ValueError(f"{model.name} has no windows for frames {gap.first} to {gap.last}")
        count += 1
    lengths = [0] * count
    for _ in range(new):
        lengths[min((length, at) for at, length in enumerate(lengths) if length < most[at])[1]] += 1
    return lengths


def _most(model: ModelEntry, gap: Gap, count: int) -> list[int]:
    """How many latents each of so many windows may add."""
    longest = _latents(model, model.window_frames)
    most = []
    for number in range(count):
        lead = _longest_lead(model, gap, first=number == 0)
        free = longest - lead - _longest_trail(model, gap, last=number == count - 1)
        most.append(free if model.single_window else min(short(model) + (lead == 0), free))
    return most


def _longest_lead(model: ModelEntry, gap: Gap, *, first: bool) -> int:
    """Latents that a window may see in front of its new ones; `first` says that it is the gap's first window."""
    if first:
        return gap.context_before
    return 1 if gap.is_backwards else 1 + model.context_latents


def _longest_trail(model: ModelEntry, gap: Gap, *, last: bool) -> int:
    """Latents that a window may see behind its new ones; `last` says that it is the gap's last window."""
    if last:
        return model.context_latents if gap.returns_to_start else gap.context_behind
    return model.context_latents if gap.is_backwards else 0


def _latents(model: ModelEntry, count: int) -> int:
    """Latents that hold at least `count` frames: the frame rule, rounded up."""
    return 1 + -(-(count - 1) // model.temporal_compression)


def short(model: ModelEntry) -> int:
    """How many latents last no longer than `SHORT`."""
    return max(1, int(SHORT * model.fps) // model.temporal_compression)


# --- what a window is told ------------------------------------------------------------------------------


def _directed(model: ModelEntry, request: Request, total: int, gap: Gap, layout: WindowLayout) -> Window:
    """A window with its pictures, its guides, its prompts and its seed."""
    starts = gap.origin + model.temporal_compression * layout.origin
    first = _begins(model, gap, layout.first)
    last = gap.origin + model.temporal_compression * (layout.end - 1)
    return Window(
        gap=layout.gap,
        first=layout.first,
        new=layout.new,
        lead_source=layout.lead_source,
        lead=layout.lead,
        trail_source=layout.trail_source,
        trail=layout.trail,
        seed=derive_seed(request.seed, f"window {first}") if first else request.seed,
        guides=(*_given(model, gap, layout), *_reshaped(model, request, gap, layout)),
        keyframes=tuple(
            WindowKeyframe(frame - starts, picture)
            for frame, picture in _pictures(request, total, gap)
            if first <= frame <= last
        ),
        prompt_weights=_weights(request.prompt_spans, (first + min(last, gap.last)) / 2),
        edited=_edited(request, layout, starts, (first + last) // 2),
    )


def _pictures(request: Request, total: int, gap: Gap) -> Iterator[tuple[int, ImageCondition | FrameRef]]:
    """The pictures of a gap and their frames in the clip: those asked for, and the next frame of what it leads to,
    where the latents behind do not begin at once.
    """
    for condition in request.conditions:
        frame = total - 1 if condition.frame == -1 else condition.frame
        if gap.first <= frame <= gap.last:
            yield frame, condition
    if gap.returns_to_start:
        yield total, FrameRef(None, 0)
    elif gap.behind is not None:
        yield gap.last + 1, FrameRef(gap.behind.video, gap.behind.start)


def _given(model: ModelEntry, gap: Gap, window: WindowLayout) -> Iterator[GuideLatents]:
    """What a window is given of the films around its gap, or of the clip's beginning."""
    if window.lead_source == "video" and gap.before is not None:
        take = gap.before
        yield GuideLatents(take.video, take.start + gap.origin - take.at, 0, (1.0,) * window.lead)
    follows = frame_behind(model, gap.origin, gap.latents) - gap.last - 1
    if window.trail_source == "video" and gap.behind is not None:
        yield GuideLatents(
            gap.behind.video, gap.behind.start + follows, window.lead + window.new, (1.0,) * window.trail
        )
    if window.trail_source == "beginning" and window.trail:
        yield GuideLatents(None, follows, window.lead + window.new, (1.0,) * window.trail)


def _reshaped(model: ModelEntry, request: Request, gap: Gap, window: WindowLayout) -> Iterator[GuideLatents]:
    """What the new latents of a window start from: each from the take that is strongest there."""
    takes = [take for take in request.source_spans if not take.keeps_pixels and not take.edited]
    middles = [_middle(model, gap, latent) for latent in range(window.first, window.end)]
    for take in takes:
        for at, run in _runs([_strongest(takes, take, middle) for middle in middles]):
            frame = _begins(model, gap, window.first + at)
            yield GuideLatents(take.video, take.start + frame - take.at, window.lead + at, run)


def _edited(request: Request, window: WindowLayout, starts: int, middle: int) -> GuideLatents | None:
    """The film that changes under a window, all of it that the window sees."""
    for take in request.source_spans:
        if take.edited and take.at <= middle < take.at + take.frames:
            return GuideLatents(
                take.video, take.start + starts - take.at, 0, (take.strength_at(middle),) * window.latents
            )
    return None


def _begins(model: ModelEntry, gap: Gap, latent: int) -> int:
    """The first frame of the clip that a strip's latent stands for."""
    return frame_behind(model, gap.origin, latent) if latent else gap.origin


def _middle(model: ModelEntry, gap: Gap, latent: int) -> int:
    """The frame of the clip in the middle of a strip's latent."""
    return gap.origin + model.temporal_compression * latent - (model.temporal_compression // 2 if latent else 0)


def _strongest(takes: Sequence[SourceSpan], take: SourceSpan, frame: int) -> float:
    """How strong a take is at a frame; 0 where another is stronger."""
    strength = take.strength_at(frame)
    return strength if strength == max(each.strength_at(frame) for each in takes) else 0.0


def _runs(strengths: Sequence[float]) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Where strengths above 0 follow each other: the index of the first, and all of them."""
    for strong, run in groupby(enumerate(strengths), key=lambda each: each[1] > 0):
        if strong:
            members = list(run)
            yield members[0][0], tuple(strength for _, strength in members)


def _weights(cues: Sequence[PromptSpan], frame: float) -> tuple[tuple[int, float], ...]:
    """How much each prompt counts at a frame: one alone, or two while the first gives way to the second."""
    if not cues:
        return ((0, 1.0),)
    number = max((index for index, cue in enumerate(cues) if cue.at <= frame), default=0)
    cue = cues[number]
    if frame <= cue.until or number == len(cues) - 1:
        return ((number, 1.0),)
    share = (frame - cue.until) / (cues[number + 1].at - cue.until)
    return ((number, 1 - share), (number + 1, share))


# --- what is shown --------------------------------------------------------------------------------------


def _shown(model: ModelEntry, index: int, gap: Gap, windows: Sequence[Window]) -> Iterator[DecodeSpan | None]:
    """What can be shown once each window is there: all but its last latents, which want a neighbour behind."""
    first = gap.first
    for window in windows:
        final = window is windows[-1]
        whole = window.end - (0 if final or gap.is_backwards else DECODE_AHEAD)
        last = gap.last if final else min(gap.last, gap.origin + model.temporal_compression * (whole - 1))
        if last < first:
            yield None
            continue
        latent = -(-(first - gap.origin) // model.temporal_compression)
        neighbours = window.trail if final else min(window.trail, DECODE_AHEAD)
        yield DecodeSpan(index, first, last, max(0, latent - DECODE_BEHIND), window.end + neighbours)
        first = last + 1


def _stretches(model: ModelEntry, gap: Gap, shown: DecodeSpan) -> Iterator[DecodeSpan]:
    """The same in stretches about as long as a short window, where the decoder can go on from where it stopped: then a
    clip that was denoised whole never lies in memory as pixels.
    """
    latents = shown.decode_to - shown.decode_from
    count = -(-latents // short(model)) if model.causal_decoder else 1
    first, start = shown.first, shown.decode_from
    for number in range(1, count + 1):
        stop = shown.decode_from + latents * number // count
        last = min(shown.last, gap.origin + model.temporal_compression * (stop - 1))
        yield DecodeSpan(shown.gap, first, last, start, stop)
        first, start = last + 1, stop
