"""Turns a request into a plan: which frames are kept, which windows are denoised, and when each frame is shown.

Pure arithmetic over the catalogue, no torch. What films sent in do not cover is a *gap*. A gap is filled by
*windows*, one pass of denoising each, short enough that the first can be watched while the next is made. A window
goes on from the *latents* of the one before, because decoding and encoding again drifts in colour; where it meets
a film it is given that film's own frames.

engine/planning/plan.py has the words and how latents are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from engine.catalog.model import ModelEntry, Size
from engine.catalog.registry import find_model, frame_count, native_size
from engine.planning import windows
from engine.planning.plan import ClipPlan, CopySpan, Gap, Step, frame_behind
from engine.types import Request, SourceSpan


def plan_clip(request: Request) -> ClipPlan:
    """Plan a request that `catalog.check_request` finds no problem with."""
    model = find_model(request.model)
    total = frame_count(model, request.seconds)
    gaps = tuple(_gaps(model, request, total))
    shown: list[tuple[int, tuple[Step, ...]]] = [
        (gap.first, tuple(windows.filled(model, request, total, gaps, index))) for index, gap in enumerate(gaps)
    ]
    shown += [(take.at, tuple(_kept(model, take))) for take in request.source_spans if take.keeps_pixels]
    return ClipPlan(
        model=model,
        size=Size(request.width, request.height),
        native=native_size(model, request.width, request.height),
        fps=model.fps,
        frames=total,
        seed=request.seed,
        prompts=tuple(cue.prompt for cue in request.prompt_spans) or (request.prompt,),
        source_prompt=request.source_prompt,
        gaps=gaps,
        steps=tuple(step for _, steps in sorted(shown, key=lambda each: each[0]) for step in steps),
        marked=request.marked,
    )


def _kept(model: ModelEntry, take: SourceSpan) -> Iterator[CopySpan]:
    """A take piece by piece, none longer than a window."""
    longest = windows.short(model) * model.temporal_compression
    for past in range(0, take.frames, longest):
        last = min(past + longest, take.frames) - 1
        yield CopySpan(take.video, take.start + past, take.at + past, take.at + last)


# --- gaps -----------------------------------------------------------------------------------------------


def _gaps(model: ModelEntry, request: Request, total: int) -> Iterator[Gap]:
    """What no take covers, cut in two wherever two prompts touch."""
    kept = sorted((take for take in request.source_spans if take.keeps_pixels), key=lambda take: take.at)
    cuts = {later.at for earlier, later in pairwise(request.prompt_spans) if earlier.until == later.at}
    ends = [0, *(take.at + take.frames for take in kept)]
    for first, behind in zip(ends, [*(take.at for take in kept), total], strict=True):
        borders = [first, *sorted(cut for cut in cuts if first < cut < behind), behind]
        for start, stop in pairwise(borders):
            if start < stop:
                yield _gap(model, request, total, start, stop, kept, cuts)


def _gap(
    model: ModelEntry, request: Request, total: int, start: int, stop: int, kept: Sequence[SourceSpan], cuts: set[int]
) -> Gap:
    rule, most = model.temporal_compression, model.context_latents
    before = next((take for take in kept if take.at + take.frames == start and start not in cuts), None)
    follows = 0 if request.loop and stop == total else stop
    behind = next((take for take in kept if take.at == follows and stop not in cuts), None)
    lead = 1 + min(most, (before.frames - 1) // rule) if before else 0
    origin = start - 1 - rule * (lead - 1) if before else start
    returns = request.loop and stop == total and behind is None
    latents = 1 + -(-(stop - (not returns) - origin) // rule)
    trail = (stop + behind.frames - frame_behind(model, origin, latents)) // rule if behind else 0
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
