"""Builds the OpenAPI 3.1 document from the routes, the Structs and the problems."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, NamedTuple, get_args, get_origin

import msgspec
from litestar import Litestar, Response
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, ParameterKwarg, PathParameter, QueryParameter
from litestar.routes import HTTPRoute
from litestar.types import Method

from api.errors import Problem
from api.http.body import JSON, MULTIPART
from api.http.openapi import components, examples, texts
from api.http.openapi.operations import Document, DocumentedOperation, FileOperation, problems_with_status
from api.http.problems import MEDIA_TYPE
from api.schemas.common import ProblemBody
from api.schemas.videos import Video

METHODS: tuple[Method, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


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


def export_document(app: Litestar, public_path: str = "") -> bytes:
    """The document as indented JSON, in a stable order, as it is committed and served."""
    return msgspec.json.format(msgspec.json.encode(build_document(app, public_path)), indent=2) + b"\n"


def build_document(app: Litestar, public_path: str = "") -> Document:
    """The OpenAPI 3.1 document of the application's routes, below a path of the host that serves it."""
    routes = list(_documented_routes(app))
    paths: Document = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe_operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kinora",
            "version": version("kinora-server"),
            "summary": "Generate videos from text prompts.",
            "contact": {"name": "The operator of this server"},
            "description": texts.DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_path or "/"}],
        "tags": [{"name": name, "description": text} for name, text in texts.TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _component_schemas(routes, paths),
            "responses": {
                problems_with_status(status)[0].__name__: _problem_response(status)
                for status in _problem_statuses(routes)
            },
            "parameters": {f"{_component_key(name)}Header": _header_parameter(name) for name in texts.REQUEST_HEADERS},
            "headers": {
                _component_key(name): {"description": text, "schema": {"type": "string"}}
                for name, text in texts.RESPONSE_HEADERS.items()
            },
            "securitySchemes": texts.SECURITY,
        },
    }


def _documented_routes(app: Litestar) -> Iterator[RouteOperation]:
    for route in sorted(app.routes, key=lambda route: route.path):
        if isinstance(route, HTTPRoute):
            handlers = {f"{method}": handler for method, (handler, _) in route.route_handler_map.items()}
            for method in METHODS:
                if method in handlers and handlers[method].resolve_include_in_schema():
                    yield RouteOperation(route.path_format, method, handlers[method])


def _describe_operation(route: RouteOperation) -> Document:
    handler, described = route.handler, route.operation_class
    name = handler.operation_id
    operation: Document = {
        "operationId": name(handler, route.method, []) if callable(name) else name,
        "tags": sorted(handler.resolve_tags() or ()),
        "summary": handler.summary,
        "description": inspect.getdoc(handler.fn),
        "security": _security_requirements(route),
    }
    if parameters := list(_operation_parameters(route)):
        operation["parameters"] = parameters
    if described.body_types:
        operation["requestBody"] = _request_body(described)
    elif described.request_content is not None:
        operation["requestBody"] = {"required": True, "content": described.request_content}
    operation["responses"] = _describe_responses(route)
    return operation


def _security_requirements(route: RouteOperation) -> list[Document]:
    """The security requirements, derived from `opt` as `http.authentication` does."""
    opt = route.handler.opt
    if opt.get("exclude_from_auth"):
        return []
    return [{"bearer": []}, {"signature": []}] if opt.get("signature") else [{"bearer": []}]


def _operation_parameters(route: RouteOperation) -> Iterator[Document]:
    """Parameters of the handler, then of its dependencies, then headers."""
    providers = [provider for provider in (route.handler.dependencies or {}).values() if isinstance(provider, Provide)]
    signatures = [route.handler.parsed_fn_signature, *(provider.parsed_fn_signature for provider in providers)]
    fields = [item for signature in signatures for item in signature.parameters.items()]
    for name, field in fields:
        kwarg = field.kwarg_definition
        if isinstance(kwarg, PathParameter | QueryParameter | HeaderParameter):
            yield _describe_parameter(
                name, field.annotation, kwarg, field.default if field.has_default else inspect.Parameter.empty
            )
    for header in route.operation_class.request_headers:
        yield {"$ref": f"#/components/parameters/{_component_key(header)}Header"}


def _describe_parameter(name: str, kind: Any, kwarg: ParameterKwarg, default: Any) -> Document:
    where = "path" if isinstance(kwarg, PathParameter) else "query" if isinstance(kwarg, QueryParameter) else "header"
    schema = components.parameter_schema(kind, kwarg)
    if default not in (inspect.Parameter.empty, None):
        schema["default"] = default
    return {
        "name": kwarg.name or name,
        "in": where,
        "required": where == "path" or default is inspect.Parameter.empty,
        "description": kwarg.description or _parameter_description(name),
        "schema": schema,
    }


def _parameter_description(name: str) -> str:
    """The description of a path parameter without one: `video_id` is the id of the video, `segment` a name."""
    noun = name.removesuffix("_id").replace("_", " ")
    return f"Id of the {noun}." if name.endswith("_id") else f"Name of the {noun}."


def _request_body(operation_class: type[DocumentedOperation]) -> Document:
    """The body as JSON, and as a form where it may contain files.

    The server reads a form everywhere, but two media types of one schema are more than some client generators take.
    """
    kind = operation_class.body_types[0]
    example = examples.REQUESTS[kind]
    name = operation_class.union_name or kind.__name__
    form = f"{name}Form" if operation_class.union_name else components.form_name(kind)
    media_types = {JSON: name} | ({MULTIPART: form} if form != name else {})
    return {
        "required": True,
        "content": {
            media_type: {"schema": {"$ref": components.PREFIX + schema}, "example": example}
            for media_type, schema in media_types.items()
        },
    }


def _component_schemas(routes: list[RouteOperation], paths: Document) -> Document:
    """The schemas of all requests and responses, by name."""
    inputs = {kind for route in routes for kind in route.operation_class.body_types}
    outputs = {route.response_type for route in routes if components.is_struct(route.response_type)}
    schemas = components.build_components(inputs, outputs | {ProblemBody, Video})
    schemas |= _union_body_schemas(routes, schemas) | _extra_schemas(routes)
    return dict(sorted((schemas | components.named_schemas([schemas, paths])).items()))


def _union_body_schemas(routes: list[RouteOperation], known: Document) -> Document:
    """The schemas of routes that accept one of several bodies, as JSON and as a form."""
    schemas: Document = {}
    for described in (route.operation_class for route in routes if route.operation_class.union_name):
        kinds, doc = described.body_types, inspect.getdoc(described) or ""
        for suffix, names in (("", [k.__name__ for k in kinds]), ("Form", [components.form_name(k) for k in kinds])):
            title = f"{described.union_name}{suffix}"
            schemas[title] = components.merge_bodies(title, doc, [known[name] for name in names])
    return schemas


def _extra_schemas(routes: list[RouteOperation]) -> dict[str, Document]:
    """The schemas that operation classes define themselves."""
    return {name: schema for route in routes for name, schema in route.operation_class.extra_schemas.items()}


def _describe_responses(route: RouteOperation) -> Document:
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


def _problem_response(status: int) -> Document:
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


def _problem_statuses(routes: list[RouteOperation]) -> list[int]:
    statuses = [
        status for route in routes for status, spec in (route.handler.responses or {}).items() if _is_problem(spec)
    ]
    return sorted({*statuses, Problem.status})


def _is_problem(spec: ResponseSpec) -> bool:
    return spec.data_container is ProblemBody


def _header_parameter(name: str) -> Document:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": texts.REQUEST_HEADERS[name],
        "schema": {"type": "string"},
    }


def _header_refs(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{_component_key(name)}"} for name in names}


def _component_key(header: str) -> str:
    return header.replace("-", "")
