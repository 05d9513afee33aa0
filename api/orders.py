"""What a request asks for, checked against the model and the plan, and priced. Pure; imports no torch."""

from __future__ import annotations

from secrets import randbits
from typing import NamedTuple

import msgspec

from api.billing import prices
from api.billing.plans import PLANS
from api.errors import Forbidden, Invalid, PlanLimit, Problem
from api.inputs import VideoCreate
from api.models import Refusal
from api.settings import Settings
from engine import catalog
from engine.catalog import MAX_SEED

MAX_METADATA = 16_384  # bytes; it comes back with every read of the video
OPENAI_SIZE = "720x1280"  # what OpenAI's own service took when no size was named
SEED_BITS = 31  # of a seed we choose; small enough to read out


class Order(NamedTuple):
    """A create that may be accepted: which model serves it, at which size, for how many credits each."""

    asked: VideoCreate
    model: str
    served_by: str
    width: int
    height: int
    seeds: list[int]
    credits: int


def place(asked: VideoCreate, plan_name: str, settings: Settings) -> Order:
    """The order, or a problem that names the field and the limit."""
    name = asked.model or settings.models[0]
    served_by = settings.aliases.get(name, name)
    if served_by not in settings.models:
        detail = f"There is no model {name!r} here; there are {', '.join((*settings.models, *settings.aliases))}."
        raise Invalid(detail, param="model")
    model = catalog.find(served_by)
    width, height = _size(asked, name, model)
    if found := catalog.check(model, width, height, asked.seconds):
        raise Invalid(found[0].message, param=found[0].field, limit=found[0].limit)
    if asked.input_reference is not None and model.conditions == "none":
        detail = f"{name} makes clips from text only; leave input_reference out."
        raise Invalid(detail, param="input_reference")
    if (size := len(msgspec.json.encode(asked.metadata))) > MAX_METADATA:
        raise Invalid(f"`metadata` may have {MAX_METADATA} bytes as JSON, and this one has {size}.", param="metadata")
    _within_plan(asked.seconds, width, height, plan_name)
    price = prices.credits(asked.seconds, width, height, asked.quality)
    return Order(asked, name, served_by, width, height, _seeds(asked), price)


def _size(asked: VideoCreate, name: str, model: catalog.Model) -> tuple[int, int]:
    text = asked.size or (OPENAI_SIZE if name.startswith("sora-") else str(model.default_size))
    width, height = text.split("x")
    return int(width), int(height)


def _within_plan(seconds: int, width: int, height: int, plan_name: str) -> None:
    plan = PLANS[plan_name]
    if seconds > plan.max_seconds:
        detail = f"The {plan.name} plan makes clips of up to {plan.max_seconds} seconds, and this one has {seconds}."
        raise PlanLimit(detail, param="seconds", limit=plan.max_seconds)
    if min(width, height) > plan.max_short_side:
        detail = (
            f"The {plan.name} plan makes clips of up to {plan.max_short_side} pixels on the short side, "
            f"and this one has {min(width, height)}."
        )
        raise PlanLimit(detail, param="size", limit=plan.max_short_side)


def _seeds(asked: VideoCreate) -> list[int]:
    """A seed for each variation: the one asked for and those after it, or fresh ones."""
    first = asked.seed if asked.seed is not None else randbits(SEED_BITS)
    return [(first + number) % (MAX_SEED + 1) for number in range(asked.n)]


def refusals(asked: VideoCreate, plan_name: str, settings: Settings) -> list[Refusal]:
    """Why `place` would refuse, as data."""
    try:
        place(asked, plan_name, settings)
    except (Invalid, Forbidden) as problem:
        return [refusal(problem)]
    return []


def refusal(problem: Problem) -> Refusal:
    """A problem as data."""
    return Refusal(problem.code, problem.param, problem.detail)
