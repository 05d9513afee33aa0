"""Every exception as an answer: application/problem+json, with the request's id as `instance`.

Tells the caller what the caller did. What went wrong inside goes to the log, where the same id finds it.
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
from api.sql import connection

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "kinora.request_id"  # where the envelope leaves the request's id in the ASGI scope
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


def to_response(problem: Problem, instance: str) -> Response[bytes]:
    """The problem as a response. `instance` is the request's id."""
    headers = {"Retry-After": RETRY_AFTER} if problem.status == Unavailable.status else {}
    return Response(
        msgspec.json.encode(problem.body(instance), enc_hook=str),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={**headers, **problem.headers},
    )


def from_framework(error: HTTPException) -> Problem:
    """Litestar's own refusals: no route, wrong method, a parameter that does not fit."""
    if isinstance(error, ValidationException):
        return _invalid_parameter(error)
    if error.status_code not in BY_STATUS:
        return Internal() if error.status_code >= 500 else errors.Malformed()
    return BY_STATUS[error.status_code](headers=dict(error.headers or {}))


def _invalid_parameter(error: ValidationException) -> Invalid:
    """Litestar lists the parameters at fault in `extra`, and repeats the whole address in `detail`."""
    faults = error.extra if isinstance(error.extra, list) else []
    fault = faults[0] if faults and isinstance(faults[0], dict) else {}
    param, message = fault.get("key"), fault.get("message", "does not fit")
    return Invalid(f"`{param}`: {message}." if param else "", param=param)


def handle_problem(request: AnyRequest, problem: Problem) -> Response[bytes]:
    if isinstance(problem, Internal):
        log.error("crash", exc_info=problem)
    return to_response(problem, request_id(request))


def handle_http_exception(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    problem = from_framework(error)
    if problem.status >= 500:
        log.error("crash", exc_info=error)
    return to_response(problem, request_id(request))


def handle_outage(request: AnyRequest, error: Exception) -> Response[bytes]:
    """PostgreSQL or Redis does not answer. They may a moment later, so the caller is told to come back."""
    log.error("outage", exc_info=error)
    return to_response(
        Unavailable("A part of the service does not answer. Try again in a moment."), request_id(request)
    )


def handle_crash(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("crash", exc_info=error)
    return to_response(Internal(), request_id(request))


def request_id(request: AnyRequest) -> str:
    """The request's id; empty where no envelope gave one."""
    return str(request.scope.get(REQUEST_ID, ""))


# A handler serves a class and what derives from it, the nearest one first.
HANDLERS: ExceptionHandlersMap = {
    Problem: handle_problem,
    HTTPException: handle_http_exception,
    **dict.fromkeys(connection.AWAY, handle_outage),
    redis.ConnectionError: handle_outage,
    redis.TimeoutError: handle_outage,
    Exception: handle_crash,
}
