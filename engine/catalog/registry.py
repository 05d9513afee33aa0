"""What the models Kinora knows can do: finds an entry, fits a size to it, and says what keeps a request from it.

It imports no torch, so the web process asks it what a request may hold; the planner and the loader read the
same entries, which are in engine/catalog/ltx.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal

from engine.catalog.ltx import ENTRIES
from engine.catalog.model import Model, Operation, Sampling, Size
from engine.types import Condition, Request

__all__ = [
    "DEFAULT",
    "MODELS",
    "Model",
    "Problem",
    "Sampling",
    "Size",
    "UnknownModelError",
    "check",
    "check_request",
    "find",
    "frames",
    "native",
    "nearest",
]

MAX_SEED: Final = 2**32 - 1
"""Torch's CPU generator looks at 32 bits: larger seeds would make the same film as smaller ones."""
MAX_STEPS: Final = 100
MAX_GUIDANCE: Final = 20.0
_WITH_FILMS: Final[frozenset[Operation]] = frozenset({"remix", "edit", "extend", "recut", "blend"})
_ALIKE: Final = 0.15
"""Difference of two aspects, as a natural logarithm, that is taken for none."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a model cannot meet a request: the field at fault, its limit, and a sentence that says both."""

    field: Literal["model", "size", "seconds", "seed", "steps", "guidance_scale", "conditions", "takes", "cues", "loop"]
    limit: str
    message: str


class UnknownModelError(LookupError):
    """No entry has this name."""


MODELS: Final[Mapping[str, Model]] = MappingProxyType({model.name: model for model in ENTRIES})
DEFAULT: Final = "kinora-mini"


def find(name: str) -> Model:
    """The entry of this name; UnknownModelError says which names exist."""
    if model := MODELS.get(name):
        return model
    message = f"There is no model {name!r}; known are {', '.join(MODELS)}."
    raise UnknownModelError(message)


def frames(model: Model, seconds: float) -> int:
    """How many frames the file holds: exactly the whole number nearest to seconds times rate, and at least one."""
    return max(1, round(seconds * model.fps))


def native(model: Model, width: int, height: int) -> Size:
    """The size at which the model denoises a clip of `width` by `height`.

    Trained shapes: the one whose aspect is nearest (equally near: the larger). Free shapes: the same aspect,
    never more than `native_pixels`, sides rounded up to the model's multiple, so that scaling and a centred
    cut of the edges (`engine.media.resize.fit`) meet the size asked for.
    """
    if model.native_sizes:
        return min(
            model.native_sizes,
            key=lambda size: (
                abs(math.log(size.width / size.height) - math.log(width / height)),
                -size.width,
            ),
        )
    shrink = min(1.0, math.sqrt(model.native_pixels / (width * height)))
    step = model.native_multiple
    up = Size(*(math.ceil(side * shrink / step - 1e-9) * step for side in (width, height)))
    if up.width * up.height <= model.native_pixels:
        return up
    return Size(*(max(step, math.floor(side * shrink / step) * step) for side in (width, height)))


def nearest(model: Model, width: int, height: int, most: int) -> Size:
    """The offered size most like a film of `width` by `height`, its short side at most `most` where one is so small:
    of the nearest shape, and of those the largest that the film fills, else the smallest.
    """
    fitting = [size for size in model.sizes if min(size) <= most] or [min(model.sizes, key=math.prod)]
    ways = {size: abs(math.log(size.width / size.height) - math.log(width / height)) for size in fitting}
    alike = [size for size in fitting if ways[size] <= min(ways.values()) + _ALIKE]
    filled = [size for size in alike if size.width <= width and size.height <= height]
    return max(filled, key=math.prod) if filled else min(alike, key=math.prod)


def check(
    model: Model,
    width: int,
    height: int,
    seconds: float,
    *,
    seed: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
    conditions: tuple[Condition, ...] = (),
) -> tuple[Problem, ...]:
    """Everything that keeps `model` from making this clip; empty when it can. `seconds` 0 means a still."""
    return (
        *_size_problems(model, width, height),
        *_length_problems(model, seconds),
        *_sampling_problems(seed, steps, guidance_scale),
        *_condition_problems(model, seconds, conditions),
    )


def check_request(request: Request) -> tuple[Problem, ...]:
    """`check` for a whole request; an unknown model is a problem like the others."""
    try:
        model = find(request.model)
    except UnknownModelError as error:
        return (Problem("model", ", ".join(MODELS), str(error)),)
    problems = check(
        model,
        request.width,
        request.height,
        request.seconds,
        seed=request.seed,
        steps=request.steps,
        guidance_scale=request.guidance_scale,
        conditions=request.conditions,
    )
    total = frames(model, request.seconds)
    return (
        *problems,
        *_required_problems(model, request),
        *_film_problems(model, request),
        *_take_problems(request, total),
        *_cue_problems(request, total),
    )


def _size_problems(model: Model, width: int, height: int) -> list[Problem]:
    problems = []
    for name, side in (("width", width), ("height", height)):
        if not model.min_side <= side <= model.max_side:
            limit = f"{model.min_side}..{model.max_side}"
            text = f"The {name} must be from {model.min_side} to {model.max_side} pixels for {model.name}, not {side}."
            problems.append(Problem("size", limit, text))
        elif side % model.multiple:
            text = f"The {name} must be a multiple of {model.multiple} pixels for {model.name}, not {side}."
            problems.append(Problem("size", f"multiple of {model.multiple}", text))
    return problems


def _length_problems(model: Model, seconds: float) -> list[Problem]:
    if seconds == 0:
        return [] if "still" in model.operations else [Problem("seconds", "films", f"{model.name} makes no stills.")]
    if not model.films:
        return [Problem("seconds", "0", f"{model.name} makes stills only, no films; choose another model.")]
    if model.min_seconds <= seconds <= model.max_seconds:
        return []
    limit = f"{model.min_seconds:g}..{model.max_seconds:g}"
    text = f"A clip by {model.name} lasts {model.min_seconds:g} to {model.max_seconds:g} seconds, not {seconds:g}."
    return [Problem("seconds", limit, text)]


def _sampling_problems(seed: int, steps: int | None, guidance_scale: float | None) -> list[Problem]:
    problems = []
    if not 0 <= seed <= MAX_SEED:
        problems.append(Problem("seed", f"0..{MAX_SEED}", f"The seed goes from 0 to {MAX_SEED}, not {seed}."))
    if steps is not None and not 1 <= steps <= MAX_STEPS:
        problems.append(Problem("steps", f"1..{MAX_STEPS}", f"Steps go from 1 to {MAX_STEPS}, not {steps}."))
    if guidance_scale is not None and not 1 <= guidance_scale <= MAX_GUIDANCE:
        text = f"The guidance scale goes from 1 to {MAX_GUIDANCE:g}, not {guidance_scale:g}."
        problems.append(Problem("guidance_scale", f"1..{MAX_GUIDANCE:g}", text))
    return problems


def _condition_problems(model: Model, seconds: float, conditions: tuple[Condition, ...]) -> list[Problem]:
    problems = []
    allowed = 0 if model.conditions == "none" else model.max_conditions
    if len(conditions) > allowed:
        text = f"{model.name} follows at most {allowed} pictures, not {len(conditions)}."
        problems.append(Problem("conditions", f"at most {allowed}", text))
    for condition in conditions:
        problems += _place_problems(model, seconds, condition.frame)
        if not 0 <= condition.strength <= 1:
            text = f"A picture's strength goes from 0 to 1, not {condition.strength:g}."
            problems.append(Problem("conditions", "strength 0..1", text))
        elif condition.strength != 1 and not model.loose:
            text = f"{model.name} follows a picture as it is, at strength 1, not {condition.strength:g}."
            problems.append(Problem("conditions", "strength 1", text))
    return problems


def _place_problems(model: Model, seconds: float, frame: int) -> list[Problem]:
    if _length_problems(model, seconds):
        return []  # without a length there is no last frame to compare with
    last = frames(model, seconds) - 1
    if not -1 <= frame <= last:
        text = f"A picture must sit at frame 0 to {last}, or -1 for the last, not {frame}."
        return [Problem("conditions", f"frame -1..{last}", text)]
    if model.conditions == "first" and frame != 0:
        text = f"{model.name} follows a first frame only, not one at frame {frame}."
        return [Problem("conditions", "frame 0", text)]
    if model.conditions == "ends" and frame not in (0, -1, last):
        text = f"{model.name} follows a first and a last frame, not one at frame {frame}."
        return [Problem("conditions", "frame 0 or -1", text)]
    return []


def _required_problems(model: Model, request: Request) -> list[Problem]:
    """Which of the pictures that the model cannot do without are missing; a last one is of no use without a first."""
    if _length_problems(model, request.seconds) or model.conditions == "any":
        return []
    last = frames(model, request.seconds) - 1
    given = {-1 if condition.frame == last else condition.frame for condition in request.conditions}
    wanted = {*model.required_pictures, *([0] if -1 in given else [])}
    problems = []
    if len(given) < len(request.conditions):
        text = f"{model.name} follows one picture at each end, not two at the same frame."
        problems.append(Problem("conditions", "one picture a frame", text))
    for frame in sorted(wanted - given, reverse=True):
        name = "first" if frame == 0 else "last"
        text = f"{model.name} makes clips from pictures: give it one for the {name} frame."
        problems.append(Problem("conditions", f"frame {frame}", text))
    return problems


def _film_problems(model: Model, request: Request) -> list[Problem]:
    """What of a request's films, prompts and loops the model cannot do."""
    problems = []
    if request.takes and not model.operations & _WITH_FILMS:
        text = f"{model.name} cannot go on from a film or lead to one; choose another model."
        problems.append(Problem("takes", "none", text))
    if request.cues and not model.operations & {"storyboard", "blend"}:
        text = f"{model.name} follows one prompt throughout and cannot make a storyboard; choose another model."
        problems.append(Problem("cues", "none", text))
    if request.loop and "loop" not in model.operations:
        problems.append(Problem("loop", "false", f"{model.name} cannot make a loop; choose another model."))
    return problems


def _take_problems(request: Request, total: int) -> list[Problem]:
    problems = []
    for take in request.takes:
        if take.frames < 1 or take.start < 0 or take.at < 0 or take.at + take.frames > total:
            text = f"A film's {take.frames} frames from frame {take.at} on do not fit into a clip of {total}."
            problems.append(Problem("takes", f"frames 0..{total - 1}", text))
        if not take.strength or not all(0 <= each <= 1 for each in take.strength):
            text = f"A film's strength goes from 0 to 1, not {take.strength}."
            problems.append(Problem("takes", "strength 0..1", text))
    kept = sorted((take for take in request.takes if take.kept), key=lambda take: take.at)
    for earlier, later in pairwise(kept):
        if earlier.at + earlier.frames > later.at:
            text = f"Two films that are kept overlap at frame {later.at}; lay them one behind the other."
            problems.append(Problem("takes", "one behind the other", text))
    return problems


def _cue_problems(request: Request, total: int) -> list[Problem]:
    ends = [(cue.at, cue.until) for cue in request.cues]
    edges = [edge for pair in ends for edge in pair]
    if edges == sorted(edges) and all(0 <= at < total and until <= total for at, until in ends):
        return []
    text = f"Prompts must follow each other within the clip's {total} frames, and each end after it begins."
    return [Problem("cues", f"frames 0..{total}", text)]
