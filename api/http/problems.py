"""Turns exceptions into application/problem+json responses, with the request id as `instance`.

A response explains errors of the client only; causes inside the server go to the log under the same id.
"""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from redis import exceptions as redis

from api import errors
from api.errors import Internal, Invalid, Problem, Unavailable
from api.http.public_path import PUBLIC_PATH
from api.sql import connection

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "kinora.request_id"  # the key of the request id in the ASGI scope, set by the middleware
RETRY_AFTER = "2"

BY_STATUS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (
        errors.Malformed,
        errors.Unauthorized,
        errors.Forbidden,
        errors.NotFound,
        errors.MethodNotAllowed,
        errors.Conflict,
        errors.PayloadTooLarge,
        errors.UnsupportedMediaType,
        errors.Invalid,
        errors.TooManyRequests,
        errors.Unavailable,
    )
}

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]


def to_response(problem: Problem, instance: str, public_path: str = "") -> Response[bytes]:
    """The problem as a response. `instance` is the request id; paths in its members begin with `public_path`."""
    links = {name: public_path + value for name, value in problem.extra.items() if str(value).startswith("/")}
    headers = {"Retry-After": RETRY_AFTER} if problem.status == Unavailable.status else {}
    return Response(
        msgspec.json.encode(problem.body(instance) | links, enc_hook=str),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={**headers, **problem.headers},
    )


def from_framework(error: HTTPException) -> Problem:
    """Convert an error of Litestar: no route, wrong method, an invalid parameter."""
    if isinstance(error, ValidationException):
        return _invalid_parameter(error)
    if error.status_code not in BY_STATUS:
        return Internal() if error.status_code >= 500 else errors.Malformed()
    return BY_STATUS[error.status_code](headers=dict(error.headers or {}))


def _invalid_parameter(error: ValidationException) -> Invalid:
    """Litestar lists the invalid parameters in `extra`; its `detail` repeats the URL, which may hold a signature."""
    faults = error.extra if isinstance(error.extra, list) else []
    fault = faults[0] if faults and isinstance(faults[0], dict) else {}
    param, message = fault.get("key"), fault.get("message", "is invalid")
    return Invalid(f"`{param}`: {message}." if param else "", param=param)


def handle_problem(request: AnyRequest, problem: Problem) -> Response[bytes]:
    if isinstance(problem, Internal):
        log.error("crash", exc_info=problem)
    return to_response(problem, request_id(request), str(request.scope.get(PUBLIC_PATH, "")))


def handle_http_exception(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    problem = from_framework(error)
    if problem.status >= 500:
        log.error("crash", exc_info=error)
    return to_response(problem, request_id(request))


def handle_outage(request: AnyRequest, error: Exception) -> Response[bytes]:
    """PostgreSQL or Redis is unreachable, often only briefly, so the client may retry."""
    log.error("outage", exc_info=error)
    return to_response(Unavailable("Part of the service is unavailable. Try again in a moment."), request_id(request))


def handle_crash(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("crash", exc_info=error)
    return to_response(Internal(), request_id(request))


def request_id(request: AnyRequest) -> str:
    """The request id; empty without the middleware."""
    return str(request.scope.get(REQUEST_ID, ""))


# A handler also serves subclasses; the nearest class wins.
HANDLERS: ExceptionHandlersMap = {
    Problem: handle_problem,
    HTTPException: handle_http_exception,
    **dict.fromkeys(connection.AWAY, handle_outage),
    redis.ConnectionError: handle_outage,
    redis.TimeoutError: handle_outage,
    Exception: handle_crash,
}
