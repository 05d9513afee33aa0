"""Routes of API keys."""

from litestar import Router, delete, get, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from api.accounts.api_keys import create_api_key as add_api_key
from api.accounts.api_keys import revoke_api_key
from api.http import body
from api.http.authentication import session_only
from api.http.idempotency import identify_request
from api.http.openapi.operations import body_operation, problem_responses
from api.http.pagination import After, Limit, Order, build_page
from api.http.requests import UserRequest
from api.http.state import AppState
from api.schemas.accounts import ApiKey, ApiKeyCreate, NewApiKey
from api.schemas.common import Deleted, Page
from api.sql import api_keys


@post(
    "/",
    operation_id="create_api_key",
    summary="Create an API key",
    responses=problem_responses(400, 401, 403, 409, 413, 415, 422, 429),
    operation_class=body_operation(ApiKeyCreate, "Idempotency-Key"),
)
async def create_api_key(request: UserRequest, app_state: NamedDependency[AppState]) -> NewApiKey:
    """Create an API key. Only its hash is stored, so `key` is returned this once and is null in a replay."""
    form = await body.read_body(request, ApiKeyCreate)
    return await add_api_key(app_state.pool, form, identify_request(request, form))


@get("/", operation_id="list_api_keys", summary="List API keys", responses=problem_responses(401, 403, 422, 429))
async def list_api_keys(
    request: UserRequest,
    app_state: NamedDependency[AppState],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[ApiKey]:
    """List the API keys that have not been deleted, without the keys themselves."""
    async with app_state.pool.acquire() as db:
        rows = await api_keys.list_api_keys(db, request.user.user_id, after, limit + 1, descending=order == "desc")
    return build_page(rows, limit)


@delete(
    "/{key_id:str}",
    operation_id="delete_api_key",
    summary="Delete an API key",
    responses=problem_responses(401, 403, 404, 429),
    status_code=HTTP_200_OK,
)
async def delete_api_key(key_id: FromPath[str], request: UserRequest, app_state: NamedDependency[AppState]) -> Deleted:
    """Revoke an API key, effective at once."""
    await revoke_api_key(app_state.pool, request.user.user_id, key_id)
    return Deleted(id=key_id, object="api_key.deleted")


router = Router(
    path="/api_keys",
    route_handlers=[create_api_key, list_api_keys, delete_api_key],
    tags=["API keys"],
    guards=[session_only],
    cache_control=CacheControlHeader(no_store=True),
)
