"""Checks a request against its model's catalog entry and names every violation.

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
"""Torch's CPU generator uses 32 bits: larger seeds would give the same video as smaller ones."""
MAX_STEPS: Final = 100
MAX_GUIDANCE: Final = 20.0
_WITH_SOURCE_VIDEOS: Final[frozenset[Operation]] = frozenset({"remix", "edit", "extend", "recut", "blend"})


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
    """Every reason why `model` cannot make this clip; empty if it can. `seconds` of 0 is a still."""
    return (
        *_size_violations(model, width, height),
        *_length_violations(model, seconds),
        *_sampling_violations(seed, steps, guidance_scale),
        *_image_violations(model, seconds, conditions),
    )


def check_request(request: Request) -> tuple[RequestViolation, ...]:
    """Every violation of a whole request; an unknown model is one too."""
    try:
        model = find_model(request.model)
    except UnknownModelError as error:
        return (RequestViolation("model", ", ".join(MODELS), str(error)),)
    violations = check_clip(
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
        *violations,
        *_required_image_violations(model, request),
        *_operation_violations(model, request),
        *_source_span_violations(request, total),
        *_prompt_span_violations(request, total),
    )


def _size_violations(model: ModelEntry, width: int, height: int) -> list[RequestViolation]:
    violations = []
    for name, side in (("width", width), ("height", height)):
        if not model.min_side <= side <= model.max_side:
            limit = f"{model.min_side}..{model.max_side}"
            text = f"The {name} must be from {model.min_side} to {model.max_side} pixels for {model.name}, not {side}."
            violations.append(RequestViolation("size", limit, text))
        elif side % model.multiple:
            text = f"The {name} must be a multiple of {model.multiple} pixels for {model.name}, not {side}."
            violations.append(RequestViolation("size", f"multiple of {model.multiple}", text))
    return violations


def _length_violations(model: ModelEntry, seconds: float) -> list[RequestViolation]:
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


def _sampling_violations(seed: int, steps: int | None, guidance_scale: float | None) -> list[RequestViolation]:
    violations = []
    if not 0 <= seed <= MAX_SEED:
        violations.append(
            RequestViolation("seed", f"0..{MAX_SEED}", f"The seed goes from 0 to {MAX_SEED}, not {seed}.")
        )
    if steps is not None and not 1 <= steps <= MAX_STEPS:
        violations.append(RequestViolation("steps", f"1..{MAX_STEPS}", f"Steps go from 1 to {MAX_STEPS}, not {steps}."))
    if guidance_scale is not None and not 1 <= guidance_scale <= MAX_GUIDANCE:
        text = f"The guidance scale goes from 1 to {MAX_GUIDANCE:g}, not {guidance_scale:g}."
        violations.append(RequestViolation("guidance_scale", f"1..{MAX_GUIDANCE:g}", text))
    return violations


def _image_violations(
    model: ModelEntry, seconds: float, conditions: tuple[ImageCondition, ...]
) -> list[RequestViolation]:
    violations = []
    allowed = 0 if model.image_positions == "none" else model.max_images
    if len(conditions) > allowed:
        text = f"{model.name} follows at most {allowed} images, not {len(conditions)}."
        violations.append(RequestViolation("conditions", f"at most {allowed}", text))
    for condition in conditions:
        violations += _image_position_violations(model, seconds, condition.frame)
        if not 0 <= condition.strength <= 1:
            text = f"An image's strength goes from 0 to 1, not {condition.strength:g}."
            violations.append(RequestViolation("conditions", "strength 0..1", text))
        elif condition.strength != 1 and not model.variable_strength:
            text = f"{model.name} follows an image as it is, at strength 1, not {condition.strength:g}."
            violations.append(RequestViolation("conditions", "strength 1", text))
    return violations


def _image_position_violations(model: ModelEntry, seconds: float, frame: int) -> list[RequestViolation]:
    if _length_violations(model, seconds):
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


def _required_image_violations(model: ModelEntry, request: Request) -> list[RequestViolation]:
    """A violation for each image that is missing: those the model requires, and a first one where there is a last."""
    if _length_violations(model, request.seconds) or model.image_positions == "any":
        return []
    last = frame_count(model, request.seconds) - 1
    given = {-1 if condition.frame == last else condition.frame for condition in request.conditions}
    wanted = {*model.required_images, *([0] if -1 in given else [])}
    violations = []
    if len(given) < len(request.conditions):
        text = f"{model.name} follows one image at each end, not two at the same frame."
        violations.append(RequestViolation("conditions", "one image a frame", text))
    for frame in sorted(wanted - given, reverse=True):
        name = "first" if frame == 0 else "last"
        text = f"{model.name} makes videos from images: give it one for the {name} frame."
        violations.append(RequestViolation("conditions", f"frame {frame}", text))
    return violations


def _operation_violations(model: ModelEntry, request: Request) -> list[RequestViolation]:
    """A violation for each of source videos, prompts over time and loops that the model cannot do."""
    violations = []
    if request.source_spans and not model.operations & _WITH_SOURCE_VIDEOS:
        text = f"{model.name} cannot continue a video or lead to one; choose another model."
        violations.append(RequestViolation("source_spans", "none", text))
    if request.prompt_spans and not model.operations & {"storyboard", "blend"}:
        text = f"{model.name} follows one prompt throughout and cannot make a storyboard; choose another model."
        violations.append(RequestViolation("prompt_spans", "none", text))
    if request.loop and "loop" not in model.operations:
        violations.append(RequestViolation("loop", "false", f"{model.name} cannot make a loop; choose another model."))
    return violations


def _source_span_violations(request: Request, total: int) -> list[RequestViolation]:
    violations = []
    for span in request.source_spans:
        if span.frames < 1 or span.start < 0 or span.at < 0 or span.at + span.frames > total:
            text = f"A video's {span.frames} frames from frame {span.at} on do not fit into a clip of {total}."
            violations.append(RequestViolation("source_spans", f"frames 0..{total - 1}", text))
        if not span.strength or not all(0 <= each <= 1 for each in span.strength):
            text = f"A video's strength goes from 0 to 1, not {span.strength}."
            violations.append(RequestViolation("source_spans", "strength 0..1", text))
    kept = sorted((span for span in request.source_spans if span.keeps_pixels), key=lambda span: span.at)
    for earlier, later in pairwise(kept):
        if earlier.at + earlier.frames > later.at:
            text = f"Two videos that are kept overlap at frame {later.at}; lay them one behind the other."
            violations.append(RequestViolation("source_spans", "one behind the other", text))
    return violations


def _prompt_span_violations(request: Request, total: int) -> list[RequestViolation]:
    ends = [(prompt_span.at, prompt_span.until) for prompt_span in request.prompt_spans]
    edges = [edge for pair in ends for edge in pair]
    if edges == sorted(edges) and all(0 <= at < total and until <= total for at, until in ends):
        return []
    text = f"Prompts must follow each other within the clip's {total} frames, and each end after it begins."
    return [RequestViolation("prompt_spans", f"frames 0..{total}", text)]
