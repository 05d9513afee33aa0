"""Routes for signing up, signing in and out, and sessions."""

from litestar import Router, delete, get, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from api.http import body
from api.http.authentication import session_only
from api.http.openapi.operations import body_operation, problem_responses
from api.http.pagination import After, Limit, Order, build_page
from api.http.requests import UserRequest
from api.http.state import AppState
from api.schemas.accounts import LogIn, Refresh, Session, SignUp, Tokens
from api.schemas.common import Deleted, Page
from api.sql import sessions


@post(
    "/signup",
    operation_id="sign_up",
    summary="Sign up",
    responses=problem_responses(400, 409, 413, 415, 422, 429),
    exclude_from_auth=True,
    signs_up=True,
    security=[],
    operation_class=body_operation(SignUp),
)
async def sign_up(request: UserRequest, app_state: NamedDependency[AppState]) -> Tokens:
    """Create an account with an e-mail address and a password, and sign in.

    The free credits of the first month are granted at once; until the address is verified, a tenth of them.
    """
    return await app_state.accounts.sign_up(await body.read_body(request, SignUp), _user_agent(request))


@post(
    "/login",
    operation_id="log_in",
    summary="Log in",
    responses=problem_responses(400, 401, 403, 413, 415, 422, 429),
    status_code=HTTP_200_OK,
    exclude_from_auth=True,
    security=[],
    operation_class=body_operation(LogIn),
)
async def log_in(request: UserRequest, app_state: NamedDependency[AppState]) -> Tokens:
    """Sign in. A wrong password and an unknown address give the same response."""
    return await app_state.accounts.log_in(await body.read_body(request, LogIn), _user_agent(request))


@post(
    "/refresh",
    operation_id="refresh_tokens",
    summary="Refresh tokens",
    responses=problem_responses(400, 401, 403, 413, 415, 422, 429),
    status_code=HTTP_200_OK,
    exclude_from_auth=True,
    security=[],
    operation_class=body_operation(Refresh),
)
async def refresh_tokens(request: UserRequest, app_state: NamedDependency[AppState]) -> Tokens:
    """Exchange the refresh token for a new pair of tokens. A refresh token is valid once.

    If the response is lost, sending the same token again within 30 seconds returns the same new refresh token. After
    that, a token that was already used ends the session, because another party may hold its successor.
    """
    form = await body.read_body(request, Refresh)
    return await app_state.accounts.refresh_tokens(form.refresh_token)


@post(
    "/logout",
    operation_id="log_out",
    summary="Log out",
    responses=problem_responses(401, 403, 429),
    status_code=HTTP_204_NO_CONTENT,
    guards=[session_only],
)
async def log_out(request: UserRequest, app_state: NamedDependency[AppState]) -> None:
    """End the current session. Its access and refresh tokens become invalid at once."""
    await app_state.accounts.end_session(request.user.user_id, request.user.session_id or "")


@get(
    "/sessions",
    operation_id="list_sessions",
    summary="List sessions",
    responses=problem_responses(401, 403, 422, 429),
    guards=[session_only],
)
async def list_sessions(
    request: UserRequest,
    app_state: NamedDependency[AppState],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[Session]:
    """List the active sessions of the user."""
    caller, newest_first = request.user, order == "desc"
    async with app_state.pool.acquire() as db:
        rows = await sessions.list_sessions(
            db, caller.user_id, caller.session_id, after, limit + 1, descending=newest_first
        )
    return build_page(rows, limit)


@delete(
    "/sessions/{session_id:str}",
    operation_id="delete_session",
    summary="End a session",
    responses=problem_responses(401, 403, 404, 429),
    status_code=HTTP_200_OK,
    guards=[session_only],
)
async def delete_session(
    session_id: FromPath[str], request: UserRequest, app_state: NamedDependency[AppState]
) -> Deleted:
    """End any session of the user. Its tokens become invalid at once."""
    await app_state.accounts.end_session(request.user.user_id, session_id)
    return Deleted(id=session_id, object="session.deleted")


def _user_agent(request: UserRequest) -> str:
    """What the device calls itself, as far as it can be shown."""
    return "".join(character for character in request.headers.get("user-agent", "") if character.isprintable())


router = Router(
    path="/auth",
    route_handlers=[sign_up, log_in, refresh_tokens, log_out, list_sessions, delete_session],
    tags=["Sign-in"],
    cache_control=CacheControlHeader(no_store=True),
)
