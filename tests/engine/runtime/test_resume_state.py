"""The state for another attempt, computed from the plan alone: its fingerprint, and which latents it keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.catalog.registry import find_model
from engine.planning import operations
from engine.planning.operations import SourceClip
from engine.planning.plan import ClipPlan, Window
from engine.planning.timeline import plan_clip
from engine.runtime.resume import latents_to_save, plan_fingerprint
from engine.types import Request

MINI = find_model("kinora-mini")


def test_a_plan_has_the_same_digest_wherever_its_source_videos_lie() -> None:
    def named(folder: str, **change: object) -> str:
        request = Request("kinora-mini", "a ball", 160, 96, 6, 7)
        request = operations.extend_clip(request, SourceClip(Path(folder) / "0.mp4", 24), 3, "forward")
        return plan_fingerprint(plan_clip(replace(request, **change)))  # type: ignore[arg-type]

    assert named("/one") == named("/other")
    assert named("/one") != named("/one", seed=8)


def test_what_is_kept_does_not_grow_with_the_clip() -> None:
    def most(seconds: float, *, loop: bool = False) -> int:
        made = plan_clip(Request("kinora-mini", "a ball", 160, 96, seconds, 7, loop=loop))
        return max(len(latents_to_save(made, done)) for done in ends(made))

    assert most(8) == most(20) <= MINI.context_latents + 4
    assert most(8, loop=True) == most(20, loop=True) <= 2 * MINI.context_latents + 6


def ends(made: ClipPlan) -> list[int]:
    return [number for number, step in enumerate(made.steps, 1) if not isinstance(step, Window)]
