"""Routes of the signed-in user's account."""

from litestar import Router, get, patch
from litestar.di import NamedDependency

from api.accounts.profiles import get_profile, update_profile
from api.http import body
from api.http.authentication import requires_scope
from api.http.openapi.operations import body_operation, problem_responses
from api.http.requests import UserRequest
from api.http.state import AppState
from api.schemas.accounts import ProfileUpdate, User


@get(
    "/",
    operation_id="get_me",
    summary="Get the account",
    responses=problem_responses(401, 403, 429),
    guards=[requires_scope("account:read")],
)
async def get_me(request: UserRequest, app_state: NamedDependency[AppState]) -> User:
    """Return the signed-in user."""
    async with app_state.pool.acquire() as db:
        return await get_profile(db, request.user.user_id)


@patch(
    "/",
    operation_id="update_me",
    summary="Update the account",
    responses=problem_responses(400, 401, 403, 413, 415, 422, 429),
    guards=[requires_scope("account:write")],
    operation_class=body_operation(ProfileUpdate),
)
async def update_me(request: UserRequest, app_state: NamedDependency[AppState]) -> User:
    """Change the display name or the language. Fields that are left out keep their value."""
    return await update_profile(app_state.pool, request.user.user_id, await body.read_body(request, ProfileUpdate))


router = Router(path="/me", route_handlers=[get_me, update_me], tags=["Account"])
