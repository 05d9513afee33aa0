"""Builds the OpenAPI 3.1 document from the routes, the Structs and the problems."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.params import HeaderParameter, ParameterKwarg, PathParameter, QueryParameter
from litestar.routes import HTTPRoute
from litestar.types import Method

from api.http.body import JSON, MULTIPART
from api.http.openapi import components, examples, texts
from api.http.openapi.operations import Document, DocumentedOperation, problems_with_status
from api.http.openapi.responses import (
    RouteOperation,
    component_key,
    describe_responses,
    problem_response,
    problem_statuses,
)
from api.schemas.common import ProblemBody
from api.schemas.videos import Video

METHODS: tuple[Method, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


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
                problems_with_status(status)[0].__name__: problem_response(status)
                for status in problem_statuses(routes)
            },
            "parameters": {f"{component_key(name)}Header": _header_parameter(name) for name in texts.REQUEST_HEADERS},
            "headers": {
                component_key(name): {"description": text, "schema": {"type": "string"}}
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
    operation["responses"] = describe_responses(route)
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
        yield {"$ref": f"#/components/parameters/{component_key(header)}Header"}


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


def _header_parameter(name: str) -> Document:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": texts.REQUEST_HEADERS[name],
        "schema": {"type": "string"},
    }
