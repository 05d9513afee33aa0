"""Presets: the built-in styles and one's own."""

from litestar import Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from api import idempotency
from api.http import body
from api.http.authentication import requires
from api.http.openapi.operations import Picture, bodies, problems
from api.http.pagination import After, Limit, Order, cursor, page
from api.http.requests import UserRequest
from api.http.state import Parts
from api.schemas.common import Deleted, Page
from api.schemas.presets import Preset, PresetChange, PresetCreate
from api.videos.presets import KIND, shown
from api.videos.styles import BUILT_IN

READ, WRITE = requires("videos:read"), requires("videos:write")


@get(
    "/",
    operation_id="list_presets",
    summary="List presets",
    guards=[READ],
    responses=problems(401, 403, 422, 429),
)
async def list_presets(
    request: UserRequest,
    parts: NamedDependency[Parts],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[Preset]:
    """The built-in styles, on the first page and beside its `limit`, then one's own presets."""
    begin = cursor(after, KIND)
    own = page(await parts.presets.page(request.user.user_id, begin, limit + 1, descending=order == "desc"), limit)
    if begin is not None:
        return own
    data = [*map(shown, BUILT_IN), *own.data]
    return Page(data=data, first_id=data[0].id, last_id=own.last_id, has_more=own.has_more)


@get(
    "/{preset_id:str}",
    operation_id="get_preset",
    summary="Get a preset",
    guards=[READ],
    responses=problems(401, 403, 404, 429),
)
async def get_preset(request: UserRequest, preset_id: FromPath[str], parts: NamedDependency[Parts]) -> Preset:
    """A built-in one, one's own, or one that somebody shares: whoever has its id may use it."""
    return await parts.presets.get(preset_id, request.user.user_id)


@get(
    "/{preset_id:str}/picture",
    operation_id="get_preset_picture",
    summary="Get the picture of a preset",
    guards=[READ],
    responses=problems(401, 403, 404, 429),
    operation_class=Picture,
)
async def get_preset_picture(
    request: UserRequest, preset_id: FromPath[str], parts: NamedDependency[Parts]
) -> Response[bytes]:
    """The reference picture, as a PNG."""
    picture = await parts.presets.picture(preset_id, request.user.user_id)
    headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type="image/png", headers=headers)


@post(
    "/",
    operation_id="create_preset",
    summary="Create a preset",
    guards=[WRITE],
    opt={"creates": True},
    responses=problems(400, 401, 403, 409, 413, 415, 422, 429),
    operation_class=bodies(PresetCreate, "Idempotency-Key"),
)
async def create_preset(request: UserRequest, parts: NamedDependency[Parts]) -> Preset:
    """Keep a style: words that are added to a prompt, and a picture whose look clips start from."""
    key = idempotency.key_of(request.headers.get("idempotency-key"))
    asked = await body.read(request, PresetCreate)
    user_id = request.user.user_id
    picture = None if asked.picture is None else await parts.sources.picture(asked.picture, user_id, "picture")
    fingerprint = body.fingerprint(request.method, request.url.path, asked)
    return await parts.presets.create(user_id, asked, picture, key, fingerprint)


@patch(
    "/{preset_id:str}",
    operation_id="change_preset",
    summary="Change a preset",
    guards=[WRITE],
    responses=problems(400, 401, 403, 404, 413, 415, 422, 429),
    operation_class=bodies(PresetChange),
)
async def change_preset(request: UserRequest, preset_id: FromPath[str], parts: NamedDependency[Parts]) -> Preset:
    """Change one's own preset, or share it. Clips that were made with it stay as they are."""
    return await parts.presets.change(preset_id, request.user.user_id, await body.read(request, PresetChange))


@delete(
    "/{preset_id:str}",
    operation_id="delete_preset",
    summary="Delete a preset",
    status_code=200,
    guards=[WRITE],
    responses=problems(401, 403, 404, 429),
)
async def delete_preset(request: UserRequest, preset_id: FromPath[str], parts: NamedDependency[Parts]) -> Deleted:
    """Forget one's own preset. Clips that were made with it stay as they are."""
    await parts.presets.delete(preset_id, request.user.user_id)
    return Deleted(id=preset_id, object="preset.deleted")


router = Router(
    path="/presets",
    route_handlers=[
        list_presets,
        get_preset,
        get_preset_picture,
        create_preset,
        change_preset,
        delete_preset,
    ],
    tags=["Presets"],
)
