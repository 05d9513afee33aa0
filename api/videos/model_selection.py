"""Selects the model and size of a clip, and checks that the model supports the clip's operation, images and LoRAs."""

from __future__ import annotations

from typing import NamedTuple

from api.errors import Invalid
from api.schemas.video_requests import CreateRequest
from api.settings import Settings
from api.videos.spec import STILL, ClipSpec
from engine.catalog import registry
from engine.catalog.model import ModelEntry

OPENAI_SIZE = "720x1280"  # what OpenAI's own service took when no size was named


class ResolvedModel(NamedTuple):
    """A model by the name the request gave it, which may be an alias, and its catalog entry."""

    name: str
    entry: ModelEntry


def resolve_model(spec: ClipSpec, settings: Settings) -> ResolvedModel:
    """The model that makes the clip. Raises Invalid for one that is not served here."""
    name = spec.model or _default_model(spec, settings)
    served_by = settings.aliases.get(name, name)
    if served_by not in settings.models:
        aliases = (alias for alias, served in settings.aliases.items() if served in settings.models)
        detail = f"There is no model {name!r} here; there are {', '.join((*settings.models, *aliases))}."
        raise Invalid(detail, param="model")
    return ResolvedModel(name, registry.find_model(served_by))


def _default_model(spec: ClipSpec, settings: Settings) -> str:
    """The first model here that makes such a clip, be it a video or a still; if none does, the first."""
    models = (registry.find_model(name) for name in settings.models)
    able = (
        model.name for model in models if ("still" in model.operations if spec.seconds == STILL else model.makes_videos)
    )
    return next(able, settings.models[0])


def resolve_size(spec: ClipSpec, model: ResolvedModel, max_short_side: int) -> tuple[int, int]:
    """Width and height in pixels: as requested, as the source video has them, or the offered size nearest to an
    upload's.
    """
    source = spec.shape_source
    if spec.size is None and source is not None:
        if source.id is not None:
            return source.width, source.height
        return registry.nearest_size(model.entry, source.width, source.height, max_short_side)
    text = spec.size or (OPENAI_SIZE if model.name.startswith("sora-") else str(model.entry.default_size))
    width, height = text.split("x")
    return int(width), int(height)


def catalog_operation(model: ModelEntry, spec: ClipSpec) -> str:
    """The clip's operation by its name in the catalog. Whether images are missing or misplaced, the catalog checks,
    since it names the frame.
    """
    if spec.seconds == STILL:
        return "still"
    if spec.operation is not None:
        return spec.operation.name
    images = model.required_images or (spec.images and model.image_positions != "none")
    return "image_to_video" if images else "text_to_video"


def check_model_support(model: ModelEntry, spec: ClipSpec, settings: Settings) -> None:
    """Raise Invalid for an operation or an input that the model does not support."""
    operation = catalog_operation(model, spec)
    if operation != "still" and not model.makes_videos:
        makers = settings.video_models
        instead = f"videos are made by {', '.join(makers)}" if makers else "no model here makes videos"
        raise Invalid(f"{model.name} makes images only; {instead}.", param="model", limit="still")
    if operation not in model.operations:
        can = ", ".join(sorted(model.operations))
        raise Invalid(f"{model.name} cannot do `{operation}`; it can do {can}.", param="model", limit=can)
    if spec.images and model.image_positions == "none":
        field = spec.images[0].field
        raise Invalid(f"{model.name} makes videos from text only; leave {field} out.", param=field)


def check_negative_prompt(request: CreateRequest, model: ModelEntry) -> None:
    """Raise Invalid for a negative prompt where the model is sampled without guidance, which alone makes use of it.

    One that a preset brings is not refused: it is a wish of the preset's author, for every model.
    """
    if not request.negative_prompt or model.sampling[request.quality].guidance_scale > 1:
        return
    guided = [quality for quality, sampling in model.sampling.items() if sampling.guidance_scale > 1]
    detail = (
        f"{model.name} in `{request.quality}` quality works without guidance, so a negative prompt would have no "
        f"effect; leave it out"
    )
    if not guided:
        raise Invalid(f"{detail}.", param="negative_prompt")
    raise Invalid(f"{detail}, or use the quality `{guided[0]}`.", param="quality", limit=guided[0])


def check_loras(request: CreateRequest, model: ModelEntry, settings: Settings) -> None:
    """Raise Invalid for a LoRA that the model does not have here, or that is named twice."""
    available = [lora.name for lora in settings.named_loras if lora.model == model.name]
    names = [lora.name for lora in request.loras]
    for number, name in enumerate(names):
        if not available:
            raise Invalid(f"{model.name} has no LoRAs here; leave `loras` out.", param="loras")
        if name not in available:
            has = ", ".join(available)
            raise Invalid(f"{model.name} has no LoRA {name!r} here; it has {has}.", param="loras", limit=has)
        if name in names[:number]:
            raise Invalid(f"The LoRA {name!r} is named twice; give it one weight.", param="loras")
