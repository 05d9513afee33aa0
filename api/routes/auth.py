"""Signing up, in and out, and the devices that are signed in."""

from litestar import Router, delete, get, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from api.accounts import sessions as accounts
from api.http import body
from api.http.authentication import session_only
from api.http.openapi.operations import bodies, problems
from api.http.pagination import After, Limit, Order, page
from api.http.requests import UserRequest
from api.http.state import Parts
from api.schemas.accounts import LogIn, Refresh, Session, SignUp, Tokens
from api.schemas.common import Deleted, Page
from api.sql import sessions


@post(
    "/signup",
    operation_id="sign_up",
    summary="Sign up",
    responses=problems(400, 409, 413, 415, 422, 429),
    exclude_from_auth=True,
    signs_up=True,
    security=[],
    operation_class=bodies(SignUp),
)
async def sign_up(request: UserRequest, parts: NamedDependency[Parts]) -> Tokens:
    """Make an account with an e-mail address and a password, and sign it in.

    The first month's free credits are there at once: a tenth of them until the address is confirmed.
    """
    return await accounts.sign_up(parts, await body.read(request, SignUp), _user_agent(request))


@post(
    "/login",
    operation_id="log_in",
    summary="Log in",
    responses=problems(400, 401, 403, 413, 415, 422, 429),
    status_code=HTTP_200_OK,
    exclude_from_auth=True,
    security=[],
    operation_class=bodies(LogIn),
)
async def log_in(request: UserRequest, parts: NamedDependency[Parts]) -> Tokens:
    """Sign a device in. A wrong password and an unknown address are answered alike."""
    return await accounts.log_in(parts, await body.read(request, LogIn), _user_agent(request))


@post(
    "/refresh",
    operation_id="refresh_tokens",
    summary="Refresh the tokens",
    responses=problems(400, 401, 403, 413, 415, 422, 429),
    status_code=HTTP_200_OK,
    exclude_from_auth=True,
    security=[],
    operation_class=bodies(Refresh),
)
async def refresh_tokens(request: UserRequest, parts: NamedDependency[Parts]) -> Tokens:
    """Change the refresh token for a new pair. It works once; keep the new one.

    If the answer is lost, asking again with the same token within 30 seconds answers the same refresh token.
    After that a used token ends the session, because somebody else may hold its successor.
    """
    form = await body.read(request, Refresh)
    return await accounts.refresh(parts, form.refresh_token)


@post(
    "/logout",
    operation_id="log_out",
    summary="Log out",
    responses=problems(401, 403, 429),
    status_code=HTTP_204_NO_CONTENT,
    guards=[session_only],
)
async def log_out(request: UserRequest, parts: NamedDependency[Parts]) -> None:
    """End this device's session. Its access and refresh tokens stop working at once."""
    await accounts.end_session(parts, request.user.user_id, request.user.session_id or "")


@get(
    "/sessions",
    operation_id="list_sessions",
    summary="List sessions",
    responses=problems(401, 403, 422, 429),
    guards=[session_only],
)
async def list_sessions(
    request: UserRequest,
    parts: NamedDependency[Parts],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[Session]:
    """The devices that are signed in; `current` marks the one that asks."""
    caller, newest_first = request.user, order == "desc"
    async with parts.pool.acquire() as db:
        rows = await sessions.page(db, caller.user_id, caller.session_id, after, limit + 1, descending=newest_first)
    return page(rows, limit)


@delete(
    "/sessions/{session_id:str}",
    operation_id="delete_session",
    summary="Sign a device out",
    responses=problems(401, 403, 404, 429),
    status_code=HTTP_200_OK,
    guards=[session_only],
)
async def delete_session(session_id: FromPath[str], request: UserRequest, parts: NamedDependency[Parts]) -> Deleted:
    """End one session, this device's or another's. Its tokens stop working at once."""
    await accounts.end_session(parts, request.user.user_id, session_id)
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
