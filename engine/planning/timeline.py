"""Turns a request into a plan: which frames are copied, which windows are denoised, and when each frame is decoded.

Pure arithmetic over the catalog, no torch. Frames that no source video covers form a *gap*. A gap is filled by
*windows*, one denoising pass each, short enough that the first can be watched while the next is made. A window
continues from the *latents* of the one before, because decoding and encoding again drifts in colour; where it meets a
source video it gets that video's own frames.

engine/planning/plan.py defines the types and how latents are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from engine.catalog.model import ModelEntry, Size
from engine.catalog.registry import find_model, frame_count, native_size
from engine.planning import windows
from engine.planning.plan import ClipPlan, CopySpan, Gap, Step, first_frame_of_latent
from engine.types import Request, SourceSpan


def plan_clip(request: Request) -> ClipPlan:
    """Plan a request that passes `engine.catalog.validation.check_request`."""
    model = find_model(request.model)
    total = frame_count(model, request.seconds)
    gaps = tuple(_find_gaps(model, request, total))
    steps_by_frame: list[tuple[int, tuple[Step, ...]]] = [
        (gap.first, tuple(windows.plan_gap(model, request, total, gaps, index))) for index, gap in enumerate(gaps)
    ]
    steps_by_frame += [(span.at, tuple(_copy_spans(model, span))) for span in request.source_spans if span.keeps_pixels]
    return ClipPlan(
        model=model,
        size=Size(request.width, request.height),
        native=native_size(model, request.width, request.height),
        fps=model.fps,
        frames=total,
        seed=request.seed,
        prompts=tuple(prompt_span.prompt for prompt_span in request.prompt_spans) or (request.prompt,),
        source_prompt=request.source_prompt,
        gaps=gaps,
        steps=tuple(step for _, steps in sorted(steps_by_frame, key=lambda item: item[0]) for step in steps),
        marked=request.marked,
    )


def _copy_spans(model: ModelEntry, span: SourceSpan) -> Iterator[CopySpan]:
    """A source span in parts, none longer than a short window."""
    longest = windows.short_window_latents(model) * model.temporal_compression
    for past in range(0, span.frames, longest):
        last = min(past + longest, span.frames) - 1
        yield CopySpan(span.video, span.start + past, span.at + past, span.at + last)


# --- gaps -----------------------------------------------------------------------------------------------


def _find_gaps(model: ModelEntry, request: Request, total: int) -> Iterator[Gap]:
    """Frames that no copied source span covers, split wherever two prompts meet at a cut."""
    copied = sorted((span for span in request.source_spans if span.keeps_pixels), key=lambda span: span.at)
    cuts = {later.at for earlier, later in pairwise(request.prompt_spans) if earlier.until == later.at}
    ends = [0, *(span.at + span.frames for span in copied)]
    for first, behind in zip(ends, [*(span.at for span in copied), total], strict=True):
        borders = [first, *sorted(cut for cut in cuts if first < cut < behind), behind]
        for start, stop in pairwise(borders):
            if start < stop:
                yield _build_gap(model, request, total, start, stop, copied, cuts)


def _build_gap(
    model: ModelEntry, request: Request, total: int, start: int, stop: int, copied: Sequence[SourceSpan], cuts: set[int]
) -> Gap:
    rule, most = model.temporal_compression, model.context_latents
    before = next((span for span in copied if span.at + span.frames == start and start not in cuts), None)
    follows = 0 if request.loop and stop == total else stop
    behind = next((span for span in copied if span.at == follows and stop not in cuts), None)
    lead = 1 + min(most, (before.frames - 1) // rule) if before else 0
    origin = start - 1 - rule * (lead - 1) if before else start
    returns = request.loop and stop == total and behind is None
    latents = 1 + -(-(stop - (not returns) - origin) // rule)
    trail = (stop + behind.frames - first_frame_of_latent(model, origin, latents)) // rule if behind else 0
    return Gap(
        first=start,
        last=stop - 1,
        origin=origin,
        latents=latents,
        before=before,
        context_before=lead,
        behind=behind,
        context_behind=max(0, min(most, trail)),
        returns_to_start=returns,
    )
