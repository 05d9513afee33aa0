"""Routes of style presets."""

from litestar import Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from api import ids
from api.http import body
from api.http.authentication import requires_scope
from api.http.idempotency import identify_request
from api.http.openapi.operations import PngOperation, body_operation, problem_responses
from api.http.pagination import After, Limit, Order, build_page, check_cursor
from api.http.requests import UserRequest
from api.http.state import AppState
from api.schemas.common import Deleted, Page
from api.schemas.presets import Preset, PresetChange, PresetCreate
from api.videos.presets import to_built_in_preset
from api.videos.styles import BUILT_IN

READ, WRITE = requires_scope("videos:read"), requires_scope("videos:write")


@get(
    "/",
    operation_id="list_presets",
    summary="List presets",
    guards=[READ],
    responses=problem_responses(401, 403, 422, 429),
)
async def list_presets(
    request: UserRequest,
    app_state: NamedDependency[AppState],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[Preset]:
    """List the user's presets. The first page also contains the built-in ones, which do not count towards `limit`."""
    begin = check_cursor(after, ids.PRESET)
    own = build_page(
        await app_state.presets.list_page(request.user.user_id, begin, limit + 1, descending=order == "desc"), limit
    )
    if begin is not None:
        return own
    data = [*map(to_built_in_preset, BUILT_IN), *own.data]
    return Page(data=data, first_id=data[0].id, last_id=own.last_id, has_more=own.has_more)


@get(
    "/{preset_id:str}",
    operation_id="get_preset",
    summary="Get a preset",
    guards=[READ],
    responses=problem_responses(401, 403, 404, 429),
)
async def get_preset(request: UserRequest, preset_id: FromPath[str], app_state: NamedDependency[AppState]) -> Preset:
    """Return a preset: a built-in one, one of the user's own, or one shared by another user."""
    return await app_state.presets.get_preset(preset_id, request.user.user_id)


@get(
    "/{preset_id:str}/image",
    operation_id="get_preset_image",
    summary="Get the image of a preset",
    guards=[READ],
    responses=problem_responses(401, 403, 404, 429),
    operation_class=PngOperation,
)
async def get_preset_image(
    request: UserRequest, preset_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[bytes]:
    """Return the reference image, a PNG."""
    image = await app_state.presets.read_image(preset_id, request.user.user_id)
    headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(image, media_type="image/png", headers=headers)


@post(
    "/",
    operation_id="create_preset",
    summary="Create a preset",
    guards=[WRITE],
    opt={"creates": True},
    responses=problem_responses(400, 401, 403, 409, 413, 415, 422, 429),
    operation_class=body_operation(PresetCreate, "Idempotency-Key"),
)
async def create_preset(request: UserRequest, app_state: NamedDependency[AppState]) -> Preset:
    """Create a style preset from text and, optionally, a reference image."""
    content = await body.read_body(request, PresetCreate)
    user_id = request.user.user_id
    image = None if content.image is None else await app_state.references.read_image(content.image, user_id, "image")
    return await app_state.presets.create_preset(content, image, identify_request(request, content))


@patch(
    "/{preset_id:str}",
    operation_id="change_preset",
    summary="Update a preset",
    guards=[WRITE],
    responses=problem_responses(400, 401, 403, 404, 413, 415, 422, 429),
    operation_class=body_operation(PresetChange),
)
async def change_preset(request: UserRequest, preset_id: FromPath[str], app_state: NamedDependency[AppState]) -> Preset:
    """Change or share one of the user's presets. Existing videos are not affected."""
    return await app_state.presets.update_preset(
        preset_id, request.user.user_id, await body.read_body(request, PresetChange)
    )


@delete(
    "/{preset_id:str}",
    operation_id="delete_preset",
    summary="Delete a preset",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(401, 403, 404, 429),
)
async def delete_preset(
    request: UserRequest, preset_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Deleted:
    """Delete one of the user's presets. Existing videos are not affected."""
    await app_state.presets.delete_preset(preset_id, request.user.user_id)
    return Deleted(id=preset_id, object="preset.deleted")


router = Router(
    path="/presets",
    route_handlers=[
        list_presets,
        get_preset,
        get_preset_image,
        create_preset,
        change_preset,
        delete_preset,
    ],
    tags=["Presets"],
)
