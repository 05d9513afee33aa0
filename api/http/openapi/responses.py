"""The responses of the OpenAPI document: of each operation, and the shared ones of the problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_origin

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import Method

from api.errors import Problem
from api.http.body import JSON
from api.http.openapi import components, examples, texts
from api.http.openapi.operations import Document, DocumentedOperation, FileOperation, problems_with_status
from api.http.problems import MEDIA_TYPE
from api.schemas.common import ProblemBody


class RouteOperation(NamedTuple):
    """One operation: a handler under one path and method."""

    path: str
    method: Method
    handler: HTTPRouteHandler

    @property
    def operation_class(self) -> type[DocumentedOperation]:
        kind = self.handler.operation_class
        return kind if issubclass(kind, DocumentedOperation) else DocumentedOperation

    @property
    def response_type(self) -> Any:
        """The type of the success response: a Struct, None, or a type without a schema."""
        kind = self.handler.parsed_fn_signature.return_type.annotation
        return (*get_args(kind), Any)[0] if get_origin(kind) is Response or kind is Response else kind


def describe_responses(route: RouteOperation) -> Document:
    responses = {str(status): answer for status, answer in _success_responses(route)}
    for status, spec in sorted((route.handler.responses or {}).items()):
        responses[str(status)] = _error_response(status, spec)
    responses["default"] = {"$ref": f"#/components/responses/{Problem.__name__}"}
    return responses


def _error_response(status: int, spec: ResponseSpec) -> Document:
    if _is_problem(spec):
        return {"$ref": f"#/components/responses/{problems_with_status(status)[0].__name__}"}
    return {
        "description": spec.description,
        "content": {JSON: {"schema": {"$ref": components.schema_ref(spec.data_container)}}},
    }


def _success_responses(route: RouteOperation) -> Iterator[tuple[int, Document]]:
    common = ("X-Request-Id",) if route.handler.opt.get("uncounted") else texts.RATE_LIMITED
    headers = _header_refs(*common, *route.operation_class.response_headers)
    success: Document = {"description": _success_description(route), "headers": headers}
    if route.method != "HEAD" and (content := _response_content(route)):
        success["content"] = content
    yield route.handler.status_code, success
    if issubclass(route.operation_class, FileOperation):
        yield 206, {**success, "description": "The requested part of the file."}
    for status, description in route.operation_class.empty_responses.items():
        yield status, {"description": description, "headers": headers}


def _success_description(route: RouteOperation) -> str:
    if route.response_type is None or route.response_type is type(None):
        return "Success, without a body."
    if components.is_struct(route.response_type):
        doc = components.own_doc(get_origin(route.response_type) or route.response_type)
    else:
        doc = "" if route.operation_class is DocumentedOperation else components.own_doc(route.operation_class)
    return doc.partition("\n")[0] or "Success."


def _response_content(route: RouteOperation) -> Document | None:
    if route.operation_class.response_content is not None:
        return route.operation_class.response_content
    if components.is_struct(route.response_type):
        return {
            JSON: {
                "schema": {"$ref": components.schema_ref(route.response_type)},
                "example": examples.response_example(route.response_type),
            }
        }
    media_type = str(getattr(route.handler.media_type, "value", route.handler.media_type) or "")
    return {media_type: {"schema": {"type": "string"}}} if route.response_type in (str, bytes) else None


def problem_response(status: int) -> Document:
    """One response for a status, with an example for each of its codes."""
    kinds = problems_with_status(status)
    wait = {423: "Retry-After", 429: "Retry-After", 503: "Retry-After", 401: "WWW-Authenticate"}.get(status)
    return {
        "description": kinds[0].title + ".",
        "headers": _header_refs("X-Request-Id", *([wait] if wait else [])),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": components.PREFIX + ProblemBody.__name__},
                "examples": {
                    kind.code: {"summary": kind.title, "value": examples.problem_example(kind)} for kind in kinds
                },
            }
        },
    }


def problem_statuses(routes: list[RouteOperation]) -> list[int]:
    statuses = [
        status for route in routes for status, spec in (route.handler.responses or {}).items() if _is_problem(spec)
    ]
    return sorted({*statuses, Problem.status})


def _is_problem(spec: ResponseSpec) -> bool:
    return spec.data_container is ProblemBody


def _header_refs(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{component_key(name)}"} for name in names}


def component_key(header: str) -> str:
    return header.replace("-", "")
