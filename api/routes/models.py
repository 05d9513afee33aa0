"""Routes of the models served here."""

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.errors import NotFound
from api.http.authentication import requires_scope
from api.http.openapi.operations import problem_responses
from api.http.state import AppState
from api.schemas.common import Page
from api.schemas.models import Limits, Model
from api.settings import Settings
from engine.catalog import registry, upload_limits


@get("/", operation_id="list_models", summary="List models", responses=problem_responses(401, 403, 429))
async def list_models(app_state: NamedDependency[AppState]) -> Page[Model]:
    """List the models with their sizes, limits and operations.

    The default is the first one that generates videos or, for images, the first one that generates images. Aliases
    such as `sora-2` follow with the properties of the model that serves them.
    """
    settings = app_state.settings
    aliases = [alias for name in settings.models for alias in _aliases_of(name, settings)]
    data = [_to_model(name, settings) for name in (*settings.models, *aliases)]
    return Page(data=data, first_id=data[0].id, last_id=data[-1].id, has_more=False)


@get(
    "/{model_id:str}", operation_id="get_model", summary="Get a model", responses=problem_responses(401, 403, 404, 429)
)
async def get_model(model_id: FromPath[str], app_state: NamedDependency[AppState]) -> Model:
    """Return a model by its name or an alias such as `sora-2`."""
    if app_state.settings.aliases.get(model_id, model_id) not in app_state.settings.models:
        raise NotFound(f"There is no model {model_id[:64]!r} here.", param="model_id")
    return _to_model(model_id, app_state.settings)


def _to_model(id: str, settings: Settings) -> Model:
    """The model of a name or an alias, under that name."""
    name = settings.aliases.get(id, id)
    model = registry.find_model(name)
    return Model(
        id=id,
        title=model.title,
        description=model.about,
        created=model.created,
        owned_by=model.owner,
        repo=None if model.bundled else model.repo or None,
        licence=model.licence,
        licence_url=model.licence_url,
        memory_gb=model.memory_gb,
        memory_estimated=model.memory_estimated,
        fps=model.fps,
        frame_rule=model.temporal_compression,
        sizes=[str(size) for size in model.sizes],
        native_sizes=list(dict.fromkeys(str(registry.native_size(model, *size)) for size in model.sizes)),
        image_positions=model.image_positions,
        operations=sorted(model.operations),
        qualities=sorted(model.sampling),
        loras=[lora.name for lora in settings.named_loras if lora.model == name],
        limits=Limits(
            max_seconds=int(model.max_seconds),
            min_side=model.min_side,
            max_side=model.max_side,
            side_multiple=model.multiple,
            max_upload_bytes=settings.max_upload,
            max_image_pixels=upload_limits.MAX_IMAGE_PIXELS,
            max_video_pixels=upload_limits.MAX_FRAME_PIXELS,
            max_video_seconds=max(registry.find_model(served).max_seconds for served in settings.models),
        ),
        aliases=[other for other in (name, *_aliases_of(name, settings)) if other != id],
    )


def _aliases_of(name: str, settings: Settings) -> list[str]:
    return [alias for alias, served in settings.aliases.items() if served == name]


router = Router(
    path="/models",
    route_handlers=[list_models, get_model],
    tags=["Models"],
    guards=[requires_scope("videos:read")],
)
