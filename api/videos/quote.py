"""What a request asks for, checked against the model and the plan, and priced. Pure; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import randbits
from typing import NamedTuple

import msgspec

from api.billing.tariff import pricing as prices
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.pricing import PricedWork, Prices
from api.errors import Forbidden, Invalid, PlanLimit, Problem
from api.schemas.operations import Operation, Storyboard
from api.schemas.video_requests import Making
from api.schemas.videos import Refusal
from api.settings import Settings
from api.videos import operations
from api.videos.spec import STILL, Draft, Footage, draft
from api.videos.styles import NOTHING, Style
from engine.catalog import registry, validation
from engine.catalog.model import Model
from engine.catalog.validation import MAX_SEED
from engine.types import Condition, Request

MAX_METADATA = 16_384  # bytes; it comes back with every read of the video
OPENAI_SIZE = "720x1280"  # what OpenAI's own service took when no size was named
LOOK = 0.35  # how much of a style's picture a clip starts from
SEED_BITS = 31  # of a seed we choose; small enough to read out


class Place(NamedTuple):
    """Where a picture lies, by the frame (-1 is the last), and how much of it stays."""

    frame: int
    strength: float = 1.0


class Terms(NamedTuple):
    """What somebody's work is limited and priced by."""

    plan: TariffPlan
    prices: Prices


class Order(NamedTuple):
    """A clip that may be made: from what, by which model at which size, for how many credits each and in `total`.

    `places` says where each of the draft's pictures lies, and behind them the style's. `revised` is the prompt in the
    style's words, if there is a style. `generated` is the length in seconds without what is kept from films.
    """

    asked: Making
    draft: Draft
    footage: tuple[Footage, ...]
    model: str
    served_by: str
    width: int
    height: int
    places: list[Place]
    style: Style
    revised: str | None
    operation: Operation | None
    seconds: float
    generated: float
    seeds: list[int]
    plan: TariffPlan
    credits: int
    total: int


def place(
    asked: Making, terms: Terms, settings: Settings, footage: Sequence[Footage] = (), style: Style = NOTHING
) -> Order:
    """The order, or a problem that names the field and the limit. `footage` is what the body's films are."""
    wanted = draft(asked, footage)
    name = wanted.model or _default(wanted, settings)
    served_by = settings.aliases.get(name, name)
    if served_by not in settings.models:
        aliases = (alias for alias, served in settings.aliases.items() if served in settings.models)
        detail = f"There is no model {name!r} here; there are {', '.join((*settings.models, *aliases))}."
        raise Invalid(detail, param="model")
    model = registry.find(served_by)
    width, height = _size(wanted, name, model, terms.plan.max_short_side)
    _able(model, wanted, settings)
    _learnt(asked, served_by, settings)
    places = [*_places(model, wanted), *_look(model, wanted, style, settings)]
    operation = operations.styled(wanted.operation, style.said)
    request = _request(asked, wanted, operation, served_by, (width, height), places, footage)
    if found := validation.check_request(request):
        raise Invalid(found[0].message, param=_field(found[0], wanted), limit=found[0].limit)
    if (size := len(msgspec.json.encode(asked.metadata))) > MAX_METADATA:
        raise Invalid(f"`metadata` may have {MAX_METADATA} bytes as JSON, and this one has {size}.", param="metadata")
    _within_plan(request.seconds, width, height, terms.plan)
    generated = operations.generated(request)
    if generated <= 0:
        raise Invalid("Nothing of this clip would be made anew; leave something out.", param=_field_of_films(wanted))
    work = PricedWork(
        served_by, _operation(model, wanted), asked.quality, generated if request.seconds else 0, width, height
    )
    return Order(
        asked=asked,
        draft=wanted,
        footage=tuple(footage),
        model=name,
        served_by=served_by,
        width=width,
        height=height,
        places=places,
        style=style,
        revised=style.said(wanted.prompt) if style.prompt else None,
        operation=operation,
        seconds=request.seconds,
        generated=generated,
        seeds=_seeds(asked),
        plan=terms.plan,
        credits=prices.price_in_credits(terms.prices, work),
        total=prices.price_in_credits(terms.prices, work._replace(variations=asked.n)),
    )


def _default(wanted: Draft, settings: Settings) -> str:
    """The first model here that makes what is asked for, be it films or stills; none does: simply the first."""
    models = (registry.find(name) for name in settings.models)
    able = (model.name for model in models if ("still" in model.operations if wanted.seconds == STILL else model.films))
    return next(able, settings.models[0])


def _size(wanted: Draft, name: str, model: Model, most: int) -> tuple[int, int]:
    """The size asked for, that of the video it is made from, or the offered one that is most like what was sent in."""
    like = wanted.like
    if wanted.size is None and like is not None:
        if like.id is not None:
            return like.width, like.height
        return registry.nearest(model, like.width, like.height, most)
    text = wanted.size or (OPENAI_SIZE if name.startswith("sora-") else str(model.default_size))
    width, height = text.split("x")
    return int(width), int(height)


def _able(model: Model, wanted: Draft, settings: Settings) -> None:
    """Refuse by name what the model cannot do."""
    operation = _operation(model, wanted)
    if operation != "still" and not model.films:
        makers = settings.film_makers
        instead = f"videos are made by {', '.join(makers)}" if makers else "no model here makes videos"
        raise Invalid(f"{model.name} makes images only; {instead}.", param="model", limit="still")
    if operation not in model.operations:
        can = ", ".join(sorted(model.operations))
        raise Invalid(f"{model.name} cannot do `{operation}`; it can: {can}.", param="model", limit=can)
    if wanted.pictures and model.conditions == "none":
        field = wanted.pictures[0].field
        raise Invalid(f"{model.name} makes videos from text only; leave {field} out.", param=field)


def _operation(model: Model, wanted: Draft) -> str:
    """What is asked for, in the catalogue's words. Where pictures lie, and which are missing, is the catalogue's to
    say, since it names the frame.
    """
    if wanted.seconds == STILL:
        return "still"
    if wanted.operation is not None:
        return wanted.operation.name
    pictures = model.required_pictures or (wanted.pictures and model.conditions != "none")
    return "image_to_video" if pictures else "text_to_video"


def _learnt(asked: Making, served_by: str, settings: Settings) -> None:
    """Refuse by name a LoRA that the model does not have here."""
    there = [lora.name for lora in settings.named_loras if lora.model == served_by]
    names = [lora.name for lora in asked.loras]
    for number, name in enumerate(names):
        if name not in there:
            can = ", ".join(there) or "none"
            raise Invalid(f"{served_by} has no LoRA {name!r} here; it has: {can}.", param="loras", limit=can)
        if name in names[:number]:
            raise Invalid(f"The LoRA {name!r} is named twice; give it one weight.", param="loras")


def _places(model: Model, wanted: Draft) -> list[Place]:
    return [Place(-1 if at is None else round(at * model.fps)) for _, _, at in wanted.pictures]


def _look(model: Model, wanted: Draft, style: Style, settings: Settings) -> list[Place]:
    """The style's picture lies loosely under the beginning of a clip that has no beginning of its own.

    Raises Invalid where it would, and the model follows no picture or each as it is. One that needs a first frame has
    a beginning, or is refused for that.
    """
    begun = wanted.like is not None or any(at == 0 for _, _, at in wanted.pictures)
    if style.picture is None or begun or 0 in model.required_pictures:
        return []
    if not _takes_looks(model):
        able = ", ".join(name for name in settings.models if _takes_looks(registry.find(name))) or "none"
        detail = f"{model.name} cannot use the image of a preset; models here that can: {able}."
        raise Invalid(f"{detail} Or choose a preset without an image.", param="preset", limit=able)
    return [Place(0, LOOK)]


def _takes_looks(model: Model) -> bool:
    return model.conditions != "none" and model.loose


def _request(
    asked: Making,
    wanted: Draft,
    operation: Operation | None,
    served_by: str,
    size: tuple[int, int],
    places: Sequence[Place],
    footage: Sequence[Footage],
) -> Request:
    """What the engine will be asked, but for the pictures' bytes."""
    plain = Request(
        model=served_by,
        prompt=wanted.prompt,
        width=size[0],
        height=size[1],
        seconds=wanted.seconds,
        seed=asked.seed or 0,
        quality=asked.quality,
        conditions=tuple(Condition(b"", frame, strength) for frame, strength in places),
    )
    return operations.laid(operation, plain, [found.film for found in footage])


def _field(problem: validation.RequestViolation, wanted: Draft) -> str:
    """The body's own name for what the engine finds wrong."""
    if problem.field == "conditions":
        return wanted.pictures[-1].field if wanted.pictures else "first_frame"
    if problem.field in ("takes", "cues"):
        return _field_of_films(wanted)
    return problem.field


def _field_of_films(wanted: Draft) -> str:
    return "storyboard" if isinstance(wanted.operation, Storyboard) else "keep"


def _within_plan(seconds: float, width: int, height: int, plan: TariffPlan) -> None:
    if seconds > plan.max_seconds:
        detail = f"The {plan.name} plan makes clips of up to {plan.max_seconds} seconds, and this one has {seconds:g}."
        raise PlanLimit(detail, param="seconds", limit=plan.max_seconds)
    if min(width, height) > plan.max_short_side:
        detail = (
            f"The {plan.name} plan makes clips of up to {plan.max_short_side} pixels on the short side, "
            f"and this one has {min(width, height)}."
        )
        raise PlanLimit(detail, param="size", limit=plan.max_short_side)


def _seeds(asked: Making) -> list[int]:
    """A seed for each variation: the one asked for and those after it, or fresh ones."""
    first = asked.seed if asked.seed is not None else randbits(SEED_BITS)
    return [(first + number) % (MAX_SEED + 1) for number in range(asked.n)]


def refusal(problem: Problem) -> Refusal:
    """A problem as data."""
    return Refusal(problem.code, problem.param, problem.detail)


REFUSING = (Invalid, Forbidden)
"""What keeps an order from being placed, for whoever only asks."""
