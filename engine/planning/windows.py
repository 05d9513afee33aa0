"""Plans one gap: its denoising windows, the conditioning of each, and the spans to decode after it.

Pure arithmetic. Unless a name or docstring says frames, integers count latents of the gap.
"""

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
    first_frame_of_latent,
)
from engine.types import ImageCondition, PromptSpan, Request, SourceSpan

DECODE_BEHIND: Final = 3
"""Latents decoded again as context in front of new ones: the decoder looks both ways in time."""
DECODE_AHEAD: Final = 1
"""Latents at the end of a window that are decoded after the next one, so that they too have both neighbours."""
SHORT: Final = 2.5
"""Seconds of the parts in which frames are copied or decoded, so that a clip can be watched early."""


def plan_gap(model: ModelEntry, request: Request, total: int, gaps: Sequence[Gap], index: int) -> Iterator[Step]:
    """Yield the windows of gap `index` and the spans to decode after each, in the order of work. `total` is the clip's
    length in frames.

    Windows go from front to back, so that the clip can be watched while it is made. Where the only source video lies
    behind the gap, each window must lead to the next, so they go from back to front and are decoded at the end.
    """
    gap = gaps[index]
    windows = [_condition_window(model, request, total, gap, layout) for layout in _window_layouts(model, gaps, index)]
    decode_spans = list(_decode_spans(model, index, gap, windows))
    if gap.is_backwards:
        yield from reversed(windows)
        yield from (step for step in decode_spans if step)
        return
    for window, step in zip(windows, decode_spans, strict=True):
        yield window
        if step:
            yield from _split_decode_span(model, gap, step)


def _window_layouts(model: ModelEntry, gaps: Sequence[Gap], index: int) -> Iterator[WindowLayout]:
    """Layouts of the windows of gap `index`, from front to back."""
    gap = gaps[index]
    first, lengths = gap.context_before, _window_lengths(model, gap)
    for number, new in enumerate(lengths):
        before: LeadSource
        if number == 0:
            before, lead = "video" if gap.before else "nothing", gap.context_before
        elif gap.is_backwards:
            before, lead = "blank", 1
        else:
            before, lead = "latents", 1 + min(model.context_latents, first - 1)
        beginning_end = gaps[0].last if index else model.temporal_compression * (first - 1)
        behind, trail = _choose_trail(model, gap, first, new, beginning_end)
        yield WindowLayout(
            gap=index, first=first, new=new, lead_source=before, lead=lead, trail_source=behind, trail=trail
        )
        first += new


def _choose_trail(model: ModelEntry, gap: Gap, first: int, new: int, beginning_end: int) -> tuple[TrailSource, int]:
    """What a window sees behind its `new` latents, and how many latents of it.

    A loop returns to the clip's own beginning, which exists up to frame `beginning_end`: what this gap has of it so
    far, or all of an earlier gap, which may end at a cut.
    """
    most, left = model.context_latents, gap.latents - first - new
    if left and gap.is_backwards:
        return "latents", min(most, left + gap.context_behind)
    if left:
        return "nothing", 0
    if gap.returns_to_start:
        made = beginning_end - (gap.origin + model.temporal_compression * (gap.latents - 1) - gap.last - 1)
        return "beginning", max(0, min(most, made // model.temporal_compression))
    return ("video", gap.context_behind) if gap.context_behind else ("nothing", 0)


def _window_lengths(model: ModelEntry, gap: Gap) -> list[int]:
    """New latents of each window: as few windows as possible, of about equal length.

    Equal windows cost the same, so progress is even, and none is too short to show motion. Raises ValueError for a gap
    that no number of windows fills, which `engine.catalog.validation.check_request` would have refused.
    """
    new = gap.latents - gap.context_before
    count = 2 if gap.returns_to_start and new > 1 else 1
    while sum(most := _max_window_lengths(model, gap, count)) < new:
        if count > new:
            raise ValueError(f"{model.name} has no windows for frames {gap.first} to {gap.last}")
        count += 1
    lengths = [0] * count
    for _ in range(new):
        lengths[min((length, at) for at, length in enumerate(lengths) if length < most[at])[1]] += 1
    return lengths


def _max_window_lengths(model: ModelEntry, gap: Gap, count: int) -> list[int]:
    """Most new latents of each of `count` windows."""
    longest = _latents_for_frames(model, model.window_frames)
    most = []
    for number in range(count):
        lead = _longest_lead(model, gap, first=number == 0)
        free = longest - lead - _longest_trail(model, gap, last=number == count - 1)
        most.append(
            min(model.new_frames // model.temporal_compression + (lead == 0), free) if model.new_frames else free
        )
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


def _latents_for_frames(model: ModelEntry, count: int) -> int:
    """Latents that hold at least `count` frames."""
    return 1 + -(-(count - 1) // model.temporal_compression)


def short_window_latents(model: ModelEntry) -> int:
    """Most latents that last no longer than `SHORT` seconds."""
    return max(1, int(SHORT * model.fps) // model.temporal_compression)


# --- conditioning ---------------------------------------------------------------------------------------


def _condition_window(model: ModelEntry, request: Request, total: int, gap: Gap, layout: WindowLayout) -> Window:
    """The window of a layout, with its seed, guides, keyframes and prompt weights."""
    window_start = gap.origin + model.temporal_compression * layout.origin
    first = first_frame_of_latent(model, gap.origin, layout.first)
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
        guides=(*_context_guides(model, gap, layout), *_source_guides(model, request, gap, layout)),
        keyframes=tuple(
            WindowKeyframe(frame - window_start, image)
            for frame, image in _gap_images(request, total, gap)
            if first <= frame <= last
        ),
        prompt_weights=_prompt_weights(request.prompt_spans, (first + min(last, gap.last)) / 2),
        edited=_edit_guide(request, layout, window_start, (first + last) // 2),
    )


def _gap_images(request: Request, total: int, gap: Gap) -> Iterator[tuple[int, ImageCondition | FrameRef]]:
    """Images of a gap with their frames in the clip: the request's conditions, and the first frame of what the gap
    leads to, since the latents behind need not begin with it.
    """
    for condition in request.conditions:
        frame = total - 1 if condition.frame == -1 else condition.frame
        if gap.first <= frame <= gap.last:
            yield frame, condition
    if gap.returns_to_start:
        yield total, FrameRef(None, 0)
    elif gap.behind is not None:
        yield gap.last + 1, FrameRef(gap.behind.video, gap.behind.start)


def _context_guides(model: ModelEntry, gap: Gap, window: WindowLayout) -> Iterator[GuideLatents]:
    """Context of a window from the source videos around its gap, or from the clip's own beginning."""
    if window.lead_source == "video" and gap.before is not None:
        span = gap.before
        yield GuideLatents(span.video, span.start + gap.origin - span.at, 0, (1.0,) * window.lead)
    follows = first_frame_of_latent(model, gap.origin, gap.latents) - gap.last - 1
    if window.trail_source == "video" and gap.behind is not None:
        yield GuideLatents(
            gap.behind.video, gap.behind.start + follows, window.lead + window.new, (1.0,) * window.trail
        )
    if window.trail_source == "beginning" and window.trail:
        yield GuideLatents(None, follows, window.lead + window.new, (1.0,) * window.trail)


def _source_guides(model: ModelEntry, request: Request, gap: Gap, window: WindowLayout) -> Iterator[GuideLatents]:
    """Source latents from which a window's new latents start: each from the source span that is strongest there."""
    spans = [span for span in request.source_spans if not span.keeps_pixels and not span.edited]
    middles = [_middle_frame(model, gap, latent) for latent in range(window.first, window.end)]
    for span in spans:
        for at, run in _positive_runs([_strength_if_strongest(spans, span, middle) for middle in middles]):
            frame = first_frame_of_latent(model, gap.origin, window.first + at)
            yield GuideLatents(span.video, span.start + frame - span.at, window.lead + at, run)


def _edit_guide(request: Request, window: WindowLayout, window_start: int, middle: int) -> GuideLatents | None:
    """The source video that a window edits, over all latents that the window sees. `middle` is a frame of the clip."""
    for span in request.source_spans:
        if span.edited and span.at <= middle < span.at + span.frames:
            return GuideLatents(
                span.video, span.start + window_start - span.at, 0, (span.strength_at(middle),) * window.latents
            )
    return None


def _middle_frame(model: ModelEntry, gap: Gap, latent: int) -> int:
    """Frame of the clip in the middle of a latent."""
    return gap.origin + model.temporal_compression * latent - (model.temporal_compression // 2 if latent else 0)


def _strength_if_strongest(spans: Sequence[SourceSpan], span: SourceSpan, frame: int) -> float:
    """Strength of a source span at a frame; 0 where another is stronger."""
    strength = span.strength_at(frame)
    return strength if strength == max(other.strength_at(frame) for other in spans) else 0.0


def _positive_runs(strengths: Sequence[float]) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Runs of strengths above 0: the index of the first, and the strengths of the run."""
    for strong, run in groupby(enumerate(strengths), key=lambda indexed: indexed[1] > 0):
        if strong:
            members = list(run)
            yield members[0][0], tuple(strength for _, strength in members)


def _prompt_weights(prompt_spans: Sequence[PromptSpan], frame: float) -> tuple[tuple[int, float], ...]:
    """Weights of the prompts at a frame: one alone, or two while the first gives way to the second."""
    if not prompt_spans:
        return ((0, 1.0),)
    number = max((index for index, prompt_span in enumerate(prompt_spans) if prompt_span.at <= frame), default=0)
    prompt_span = prompt_spans[number]
    if frame <= prompt_span.until or number == len(prompt_spans) - 1:
        return ((number, 1.0),)
    share = (frame - prompt_span.until) / (prompt_spans[number + 1].at - prompt_span.until)
    return ((number, 1 - share), (number + 1, share))


# --- decoding -------------------------------------------------------------------------------------------


def _decode_spans(model: ModelEntry, index: int, gap: Gap, windows: Sequence[Window]) -> Iterator[DecodeSpan | None]:
    """The span to decode after each window: all but its last latents, which need a neighbour behind. None where a
    window completes no frame.
    """
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


def _split_decode_span(model: ModelEntry, gap: Gap, span: DecodeSpan) -> Iterator[DecodeSpan]:
    """Split a span into parts about as long as a short window, where a causal decoder can continue from its last
    position. A clip that is denoised in one window then never lies in memory as pixels.
    """
    latents = span.decode_to - span.decode_from
    count = -(-latents // short_window_latents(model)) if model.causal_decoder else 1
    first, start = span.first, span.decode_from
    for number in range(1, count + 1):
        stop = span.decode_from + latents * number // count
        last = min(span.last, gap.origin + model.temporal_compression * (stop - 1))
        yield DecodeSpan(span.gap, first, last, start, stop)
        first, start = last + 1, stop
