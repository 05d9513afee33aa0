"""Checks a request against its model's catalogue entry and names every violation.

It imports no torch, so the web process can refuse a request before it is queued.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from engine.catalog.model import ModelEntry, Operation
from engine.catalog.registry import MODELS, UnknownModelError, find_model, frame_count
from engine.types import ImageCondition, Request

MAX_SEED: Final = 2**32 - 1
"""Torch's CPU generator looks at 32 bits: larger seeds would make the same film as smaller ones."""
MAX_STEPS: Final = 100
MAX_GUIDANCE: Final = 20.0
_WITH_FILMS: Final[frozenset[Operation]] = frozenset({"remix", "edit", "extend", "recut", "blend"})


@dataclass(frozen=True, slots=True)
class RequestViolation:
    """Why a model cannot meet a request: the field at fault, its limit, and a sentence that says both."""

    field: Literal[
        "model",
        "size",
        "seconds",
        "seed",
        "steps",
        "guidance_scale",
        "conditions",
        "source_spans",
        "prompt_spans",
        "loop",
    ]
    limit: str
    message: str


def check_clip(
    model: ModelEntry,
    width: int,
    height: int,
    seconds: float,
    *,
    seed: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
    conditions: tuple[ImageCondition, ...] = (),
) -> tuple[RequestViolation, ...]:
    """Everything that keeps `model` from making this clip; empty when it can. `seconds` 0 means a still."""
    return (
        *_size_problems(model, width, height),
        *_length_problems(model, seconds),
        *_sampling_problems(seed, steps, guidance_scale),
        *_condition_problems(model, seconds, conditions),
    )


def check_request(request: Request) -> tuple[RequestViolation, ...]:
    """`check` for a whole request; an unknown model is a problem like the others."""
    try:
        model = find_model(request.model)
    except UnknownModelError as error:
        return (RequestViolation("model", ", ".join(MODELS), str(error)),)
    problems = check_clip(
        model,
        request.width,
        request.height,
        request.seconds,
        seed=request.seed,
        steps=request.steps,
        guidance_scale=request.guidance_scale,
        conditions=request.conditions,
    )
    total = frame_count(model, request.seconds)
    return (
        *problems,
        *_required_problems(model, request),
        *_film_problems(model, request),
        *_take_problems(request, total),
        *_cue_problems(request, total),
    )


def _size_problems(model: ModelEntry, width: int, height: int) -> list[RequestViolation]:
    problems = []
    for name, side in (("width", width), ("height", height)):
        if not model.min_side <= side <= model.max_side:
            limit = f"{model.min_side}..{model.max_side}"
            text = f"The {name} must be from {model.min_side} to {model.max_side} pixels for {model.name}, not {side}."
            problems.append(RequestViolation("size", limit, text))
        elif side % model.multiple:
            text = f"The {name} must be a multiple of {model.multiple} pixels for {model.name}, not {side}."
            problems.append(RequestViolation("size", f"multiple of {model.multiple}", text))
    return problems


def _length_problems(model: ModelEntry, seconds: float) -> list[RequestViolation]:
    if seconds == 0:
        return (
            []
            if "still" in model.operations
            else [RequestViolation("seconds", "videos", f"{model.name} makes no images.")]
        )
    if not model.makes_videos:
        return [RequestViolation("seconds", "0", f"{model.name} makes images only, no videos; choose another model.")]
    if model.min_seconds <= seconds <= model.max_seconds:
        return []
    limit = f"{model.min_seconds:g}..{model.max_seconds:g}"
    text = f"A clip by {model.name} lasts {model.min_seconds:g} to {model.max_seconds:g} seconds, not {seconds:g}."
    return [RequestViolation("seconds", limit, text)]


def _sampling_problems(seed: int, steps: int | None, guidance_scale: float | None) -> list[RequestViolation]:
    problems = []
    if not 0 <= seed <= MAX_SEED:
        problems.append(RequestViolation("seed", f"0..{MAX_SEED}", f"The seed goes from 0 to {MAX_SEED}, not {seed}."))
    if steps is not None and not 1 <= steps <= MAX_STEPS:
        problems.append(RequestViolation("steps", f"1..{MAX_STEPS}", f"Steps go from 1 to {MAX_STEPS}, not {steps}."))
    if guidance_scale is not None and not 1 <= guidance_scale <= MAX_GUIDANCE:
        text = f"The guidance scale goes from 1 to {MAX_GUIDANCE:g}, not {guidance_scale:g}."
        problems.append(RequestViolation("guidance_scale", f"1..{MAX_GUIDANCE:g}", text))
    return problems


def _condition_problems(
    model: ModelEntry, seconds: float, conditions: tuple[ImageCondition, ...]
) -> list[RequestViolation]:
    problems = []
    allowed = 0 if model.image_positions == "none" else model.max_images
    if len(conditions) > allowed:
        text = f"{model.name} follows at most {allowed} images, not {len(conditions)}."
        problems.append(RequestViolation("conditions", f"at most {allowed}", text))
    for condition in conditions:
        problems += _place_problems(model, seconds, condition.frame)
        if not 0 <= condition.strength <= 1:
            text = f"An image's strength goes from 0 to 1, not {condition.strength:g}."
            problems.append(RequestViolation("conditions", "strength 0..1", text))
        elif condition.strength != 1 and not model.variable_strength:
            text = f"{model.name} follows an image as it is, at strength 1, not {condition.strength:g}."
            problems.append(RequestViolation("conditions", "strength 1", text))
    return problems


def _place_problems(model: ModelEntry, seconds: float, frame: int) -> list[RequestViolation]:
    if _length_problems(model, seconds):
        return []  # without a length there is no last frame to compare with
    last = frame_count(model, seconds) - 1
    if not -1 <= frame <= last:
        text = f"An image must be at frame 0 to {last}, or -1 for the last, not {frame}."
        return [RequestViolation("conditions", f"frame -1..{last}", text)]
    if model.image_positions == "first" and frame != 0:
        text = f"{model.name} follows a first frame only, not one at frame {frame}."
        return [RequestViolation("conditions", "frame 0", text)]
    if model.image_positions == "ends" and frame not in (0, -1, last):
        text = f"{model.name} follows a first and a last frame, not one at frame {frame}."
        return [RequestViolation("conditions", "frame 0 or -1", text)]
    return []


def _required_problems(model: ModelEntry, request: Request) -> list[RequestViolation]:
    """Which of the pictures that the model cannot do without are missing; a last one is of no use without a first."""
    if _length_problems(model, request.seconds) or model.image_positions == "any":
        return []
    last = frame_count(model, request.seconds) - 1
    given = {-1 if condition.frame == last else condition.frame for condition in request.conditions}
    wanted = {*model.required_images, *([0] if -1 in given else [])}
    problems = []
    if len(given) < len(request.conditions):
        text = f"{model.name} follows one image at each end, not two at the same frame."
        problems.append(RequestViolation("conditions", "one image a frame", text))
    for frame in sorted(wanted - given, reverse=True):
        name = "first" if frame == 0 else "last"
        text = f"{model.name} makes videos from images: give it one for the {name} frame."
        problems.append(RequestViolation("conditions", f"frame {frame}", text))
    return problems


def _film_problems(model: ModelEntry, request: Request) -> list[RequestViolation]:
    """What of a request's films, prompts and loops the model cannot do."""
    problems = []
    if request.source_spans and not model.operations & _WITH_FILMS:
        text = f"{model.name} cannot continue a video or lead to one; choose another model."
        problems.append(RequestViolation("source_spans", "none", text))
    if request.prompt_spans and not model.operations & {"storyboard", "blend"}:
        text = f"{model.name} follows one prompt throughout and cannot make a storyboard; choose another model."
        problems.append(RequestViolation("prompt_spans", "none", text))
    if request.loop and "loop" not in model.operations:
        problems.append(RequestViolation("loop", "false", f"{model.name} cannot make a loop; choose another model."))
    return problems


def _take_problems(request: Request, total: int) -> list[RequestViolation]:
    problems = []
    for take in request.source_spans:
        if take.frames < 1 or take.start < 0 or take.at < 0 or take.at + take.frames > total:
            text = f"A video's {take.frames} frames from frame {take.at} on do not fit into a clip of {total}."
            problems.append(RequestViolation("source_spans", f"frames 0..{total - 1}", text))
        if not take.strength or not all(0 <= each <= 1 for each in take.strength):
            text = f"A video's strength goes from 0 to 1, not {take.strength}."
            problems.append(RequestViolation("source_spans", "strength 0..1", text))
    kept = sorted((take for take in request.source_spans if take.keeps_pixels), key=lambda take: take.at)
    for earlier, later in pairwise(kept):
        if earlier.at + earlier.frames > later.at:
            text = f"Two videos that are kept overlap at frame {later.at}; lay them one behind the other."
            problems.append(RequestViolation("source_spans", "one behind the other", text))
    return problems


def _cue_problems(request: Request, total: int) -> list[RequestViolation]:
    ends = [(cue.at, cue.until) for cue in request.prompt_spans]
    edges = [edge for pair in ends for edge in pair]
    if edges == sorted(edges) and all(0 <= at < total and until <= total for at, until in ends):
        return []
    text = f"Prompts must follow each other within the clip's {total} frames, and each end after it begins."
    return [RequestViolation("prompt_spans", f"frames 0..{total}", text)]
