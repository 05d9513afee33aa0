"""A create request checked against model and plan, and priced. Pure; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import randbits
from typing import NamedTuple

import msgspec

from api.billing.tariff import pricing
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.pricing import PricedWork, Prices
from api.errors import Forbidden, Invalid, Problem
from api.schemas.operations import Storyboard
from api.schemas.video_requests import CreateRequest
from api.schemas.videos import Refusal
from api.settings import Settings
from api.videos.model_selection import (
    ResolvedModel,
    catalog_operation,
    check_loras,
    check_model_support,
    check_negative_prompt,
    resolve_model,
    resolve_size,
)
from api.videos.operations import apply_style, generated_seconds, to_engine_request
from api.videos.plan_limits import check_plan_limits
from api.videos.spec import ClipSpec, SourceVideo, build_clip_spec
from api.videos.styles import NO_STYLE, Style
from engine.catalog import registry, validation
from engine.catalog.model import ModelEntry
from engine.catalog.validation import MAX_SEED, RequestViolation
from engine.types import ImageCondition, Request

MAX_METADATA = 16_384  # bytes; every read of the video repeats it
STYLE_STRENGTH = 0.35  # of a style's image under the first frame of a clip
SEED_BITS = 31  # of a seed we choose; small enough to read out
REFUSALS = (Invalid, Forbidden)
"""The problems of a request that cannot be made, which an estimate answers as data."""


class KeyframePosition(NamedTuple):
    """The frame that an image conditions (-1 is the last), and how strongly."""

    frame: int
    strength: float = 1.0


class PricingTerms(NamedTuple):
    """The plan that limits a user's work, and the prices it is charged by."""

    plan: TariffPlan
    prices: Prices


class Price(NamedTuple):
    """Credits for one clip, and for all variations together."""

    each: int
    total: int


class Quote(NamedTuple):
    """A clip that may be made: from what, by which model, and for how many credits.

    `engine_request` is what the engine will be asked, without the bytes of its images. `keyframes` has a position for
    each of the spec's images and, behind them, for the style's. `generated_seconds` is the length without what is kept
    from source videos.
    """

    request: CreateRequest
    spec: ClipSpec
    sources: tuple[SourceVideo, ...]
    style: Style
    model: ResolvedModel
    engine_request: Request
    keyframes: list[KeyframePosition]
    generated_seconds: float
    seeds: list[int]
    plan: TariffPlan
    price: Price


def build_quote(
    request: CreateRequest,
    terms: PricingTerms,
    settings: Settings,
    sources: Sequence[SourceVideo] = (),
    style: Style = NO_STYLE,
) -> Quote:
    """The quote for a request made from `sources`. Raises Invalid and PlanLimit, naming the field and the limit."""
    spec = build_clip_spec(request, sources)
    spec = spec._replace(operation=apply_style(spec.operation, style))
    model = resolve_model(spec, settings)
    width, height = resolve_size(spec, model, terms.plan.max_short_side)
    check_model_support(model.entry, spec, settings)
    check_loras(request, model.entry, settings)
    check_negative_prompt(request, model.entry)
    keyframes = [*_image_keyframes(model.entry, spec), *_style_keyframes(model.entry, spec, style, settings)]
    plain = _plain_request(request, spec, model.entry, (width, height), keyframes)
    engine_request = to_engine_request(spec.operation, plain, [source.file for source in sources])
    _check_catalog_rules(engine_request, spec)
    _check_metadata(request)
    check_plan_limits(engine_request, terms.plan)
    generated = _require_generated(engine_request, spec)
    return Quote(
        request=request,
        spec=spec,
        sources=tuple(sources),
        style=style,
        model=model,
        engine_request=engine_request,
        keyframes=keyframes,
        generated_seconds=generated,
        seeds=_choose_seeds(request),
        plan=terms.plan,
        price=_price_clip(engine_request, catalog_operation(model.entry, spec), request, generated, terms.prices),
    )


def _image_keyframes(model: ModelEntry, spec: ClipSpec) -> list[KeyframePosition]:
    return [KeyframePosition(-1 if image.at is None else round(image.at * model.fps)) for image in spec.images]


def _style_keyframes(model: ModelEntry, spec: ClipSpec, style: Style, settings: Settings) -> list[KeyframePosition]:
    """The style's image, weakly under the first frame of a clip that has no first frame of its own.

    Raises Invalid where the style has an image and the model takes none, or none that is only approximated. A model
    that needs a first frame has one, or the request is refused for that.
    """
    has_first_frame = spec.shape_source is not None or any(image.at == 0 for image in spec.images)
    if style.image is None or has_first_frame or 0 in model.required_images:
        return []
    if not _takes_style_images(model):
        raise _style_image_refusal(model, settings)
    return [KeyframePosition(0, STYLE_STRENGTH)]


def _style_image_refusal(model: ModelEntry, settings: Settings) -> Invalid:
    detail = f"{model.name} cannot use the image of a preset; choose a preset without an image"
    able = ", ".join(name for name in settings.models if _takes_style_images(registry.find_model(name)))
    if not able:
        return Invalid(f"{detail}.", param="preset")
    return Invalid(f"{detail}, or a model that can: {able}.", param="preset", limit=able)


def _takes_style_images(model: ModelEntry) -> bool:
    return model.image_positions != "none" and model.variable_strength


def _plain_request(
    request: CreateRequest,
    spec: ClipSpec,
    model: ModelEntry,
    size: tuple[int, int],
    keyframes: Sequence[KeyframePosition],
) -> Request:
    """The engine's request before the operation is laid out, and without the images' bytes."""
    return Request(
        model=model.name,
        prompt=spec.prompt,
        width=size[0],
        height=size[1],
        seconds=spec.seconds,
        seed=request.seed or 0,
        quality=request.quality,
        conditions=tuple(ImageCondition(b"", frame, strength) for frame, strength in keyframes),
    )


def _check_catalog_rules(engine_request: Request, spec: ClipSpec) -> None:
    if violations := validation.check_request(engine_request):
        first = violations[0]
        raise Invalid(first.message, param=_body_field(first, spec), limit=first.limit)


def _check_metadata(request: CreateRequest) -> None:
    if (size := len(msgspec.json.encode(request.metadata))) > MAX_METADATA:
        raise Invalid(f"`metadata` may have {MAX_METADATA} bytes as JSON, and this one has {size}.", param="metadata")


def _require_generated(engine_request: Request, spec: ClipSpec) -> float:
    """The seconds that are generated. Raises Invalid if there are none."""
    generated = generated_seconds(engine_request)
    if generated <= 0:
        raise Invalid("Nothing of this clip would be made anew; leave something out.", param=_source_field(spec))
    return generated


def _body_field(violation: RequestViolation, spec: ClipSpec) -> str:
    """The body's own name for the field of the engine's request."""
    if violation.field == "conditions":
        return spec.images[-1].field if spec.images else "first_frame"
    if violation.field in ("source_spans", "prompt_spans"):
        return _source_field(spec)
    return violation.field


def _source_field(spec: ClipSpec) -> str:
    return "storyboard" if isinstance(spec.operation, Storyboard) else "keep"


def _choose_seeds(request: CreateRequest) -> list[int]:
    """A seed for each variation: the requested one and those after it, or random ones."""
    first = request.seed if request.seed is not None else randbits(SEED_BITS)
    return [(first + number) % (MAX_SEED + 1) for number in range(request.n)]


def _price_clip(
    engine_request: Request, operation: str, request: CreateRequest, generated: float, prices: Prices
) -> Price:
    work = PricedWork(
        model=engine_request.model,
        operation=operation,
        quality=request.quality,
        seconds=generated if engine_request.seconds else 0,
        width=engine_request.width,
        height=engine_request.height,
    )
    return Price(
        pricing.price_in_credits(prices, work), pricing.price_in_credits(prices, work._replace(variations=request.n))
    )


def to_refusal(problem: Problem) -> Refusal:
    """A problem as data."""
    return Refusal(problem.code, problem.param, problem.detail)
