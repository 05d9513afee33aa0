"""Requests to plan, for tests of the planner."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from hypothesis import strategies as st

from engine.catalog import registry
from engine.catalog.registry import MODELS
from engine.planning.plan import ClipPlan, Gap, Window
from engine.types import PromptSpan, Request, SourceSpan

LONG = [model for model in MODELS.values() if not model.single_window]
WHOLE = [model for model in MODELS.values() if model.single_window]
FILM = Path("film.mp4")
PLAIN = Request("kinora-mini", "x", 320, 192, 5, 1)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A clip of any length: with films kept at some places and prompts that change, or a loop, or neither."""
    model = draw(st.sampled_from([model for model in LONG if "storyboard" in model.operations]))
    seconds = draw(st.one_of(st.just(0.0), st.floats(1, 20)))
    total = registry.frame_count(model, seconds)
    borders = sorted(draw(st.sets(st.integers(0, total), max_size=6)))
    takes = tuple(
        SourceSpan(FILM, draw(st.integers(0, 30)), stop - start, start)
        for start, stop in pairwise(borders)
        if draw(st.booleans())
    )
    anywhere = st.integers(0, total - 1)
    inner = [border for border in borders if border < total]
    marks = sorted(draw(st.sets(anywhere | st.sampled_from(inner) if inner else anywhere, max_size=4)))
    cues = tuple(
        PromptSpan(at, until if draw(st.booleans()) else draw(st.integers(at, until)), str(at))
        for at, until in pairwise([*marks, total])
    )
    return Request(
        model.name, "x", 768, 512, seconds, draw(st.integers(0, 2**32 - 1)), source_spans=takes, prompt_spans=cues,
        loop=seconds > 0 and draw(st.booleans()),
    )  # fmt: skip


def by_gap(made: ClipPlan) -> Iterator[tuple[Gap, list[Window]]]:
    """Gaps and their windows from front to back."""
    for index, gap in enumerate(made.gaps):
        yield gap, sorted((each for each in made.windows if each.gap == index), key=lambda each: each.first)


def span(gap: Gap, latent: int, rule: int) -> tuple[int, int]:
    """The first and last frame of the clip that a latent of a strip stands for."""
    return gap.origin + rule * latent - (rule - 1 if latent else 0), gap.origin + rule * latent
