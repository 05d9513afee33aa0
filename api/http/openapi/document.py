"""The OpenAPI 3.1 document, drawn from the routes, the Structs and the problems. Describes; decides nothing."""

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
from api.http.openapi.operations import Described, Document, Files, family
from api.http.problems import MEDIA_TYPE
from api.schemas.common import ProblemBody
from api.schemas.videos import Video

METHODS: tuple[Method, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Route(NamedTuple):
    """One operation: a handler under one path and method."""

    path: str
    method: Method
    handler: HTTPRouteHandler

    @property
    def described(self) -> type[Described]:
        kind = self.handler.operation_class
        return kind if issubclass(kind, Described) else Described

    @property
    def answer(self) -> Any:
        """The type of the success answer: a Struct, None, or what has no schema."""
        kind = self.handler.parsed_fn_signature.return_type.annotation
        return (*get_args(kind), Any)[0] if get_origin(kind) is Response or kind is Response else kind


def export(app: Litestar) -> bytes:
    """The document as it is committed and served: JSON, indented, the same for the same routes."""
    return msgspec.json.format(msgspec.json.encode(document(app)), indent=2) + b"\n"


def document(app: Litestar) -> Document:
    """The OpenAPI 3.1 document of the application's routes."""
    routes = list(_routes(app))
    paths: Document = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
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
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in texts.TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(routes, paths),
            "responses": {family(status)[0].__name__: _problem(status) for status in _statuses(routes)},
            "parameters": {f"{_key(name)}Header": _header_parameter(name) for name in texts.REQUEST_HEADERS},
            "headers": {
                _key(name): {"description": text, "schema": {"type": "string"}}
                for name, text in texts.RESPONSE_HEADERS.items()
            },
            "securitySchemes": texts.SECURITY,
        },
    }


def _routes(app: Litestar) -> Iterator[Route]:
    for route in sorted(app.routes, key=lambda route: route.path):
        if isinstance(route, HTTPRoute):
            handlers = {f"{method}": handler for method, (handler, _) in route.route_handler_map.items()}
            for method in METHODS:
                if method in handlers and handlers[method].resolve_include_in_schema():
                    yield Route(route.path_format, method, handlers[method])


def _operation(route: Route) -> Document:
    handler, described = route.handler, route.described
    name = handler.operation_id
    operation: Document = {
        "operationId": name(handler, route.method, []) if callable(name) else name,
        "tags": sorted(handler.resolve_tags() or ()),
        "summary": handler.summary,
        "description": inspect.getdoc(handler.fn),
        "security": _security(route),
    }
    if parameters := list(_parameters(route)):
        operation["parameters"] = parameters
    if described.bodies:
        operation["requestBody"] = _request_body(described)
    elif described.sent is not None:
        operation["requestBody"] = {"required": True, "content": described.sent}
    operation["responses"] = _responses(route)
    return operation


def _security(route: Route) -> list[Document]:
    """As the middleware of /v1 decides, by the route's `opt`."""
    opt = route.handler.opt
    if opt.get("exclude_from_auth"):
        return []
    return [{"bearer": []}, {"signature": []}] if opt.get("signature") else [{"bearer": []}]


def _parameters(route: Route) -> Iterator[Document]:
    """Those of the handler, then those of the dependencies that it names, then headers."""
    providers = [provider for provider in (route.handler.dependencies or {}).values() if isinstance(provider, Provide)]
    signatures = [route.handler.parsed_fn_signature, *(provider.parsed_fn_signature for provider in providers)]
    fields = [item for signature in signatures for item in signature.parameters.items()]
    for name, field in fields:
        kwarg = field.kwarg_definition
        if isinstance(kwarg, PathParameter | QueryParameter | HeaderParameter):
            yield _parameter(
                name, field.annotation, kwarg, field.default if field.has_default else inspect.Parameter.empty
            )
    for header in route.described.headers:
        yield {"$ref": f"#/components/parameters/{_key(header)}Header"}


def _parameter(name: str, kind: Any, kwarg: ParameterKwarg, default: Any) -> Document:
    where = "path" if isinstance(kwarg, PathParameter) else "query" if isinstance(kwarg, QueryParameter) else "header"
    schema = components.of_parameter(kind, kwarg)
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
    """Of a path parameter without one of its own: `video_id` is the id of the video, `segment` the name of one."""
    noun = name.removesuffix("_id").replace("_", " ")
    return f"Id of the {noun}." if name.endswith("_id") else f"Name of the {noun}."


def _request_body(described: type[Described]) -> Document:
    kind = described.bodies[0]
    example = examples.REQUESTS[kind]
    name, form = described.any_body, f"{described.any_body}Form"
    return {
        "required": True,
        "content": {
            JSON: {"schema": {"$ref": components.PREFIX + (name or kind.__name__)}, "example": example},
            MULTIPART: {
                "schema": {"$ref": components.PREFIX + (form if name else components.form_name(kind))},
                "example": example,
            },
        },
    }


def _schemas(routes: list[Route], paths: Document) -> Document:
    """The schemas of all that is asked and answered, by name."""
    inputs = {kind for route in routes for kind in route.described.bodies}
    outputs = {route.answer for route in routes if components.is_struct(route.answer)} | {ProblemBody, Video}
    found = components.components(inputs, outputs)
    found |= _merged(routes, found) | _written(routes)
    return dict(sorted((found | components.named([found, paths])).items()))


def _merged(routes: list[Route], known: Document) -> Document:
    """The bodies that may be one of several, each under its name, as JSON and as a form."""
    found: Document = {}
    for described in (route.described for route in routes if route.described.any_body):
        kinds, doc = described.bodies, inspect.getdoc(described) or ""
        for suffix, names in (("", [k.__name__ for k in kinds]), ("Form", [components.form_name(k) for k in kinds])):
            title = f"{described.any_body}{suffix}"
            found[title] = components.merged(title, doc, [known[name] for name in names])
    return found


def _written(routes: list[Route]) -> dict[str, Document]:
    """The schemas that routes bring themselves."""
    return {name: schema for route in routes for name, schema in route.described.schemas.items()}


def _responses(route: Route) -> Document:
    responses = {str(status): answer for status, answer in _successes(route)}
    for status, spec in sorted((route.handler.responses or {}).items()):
        responses[str(status)] = _refusal(status, spec)
    responses["default"] = {"$ref": f"#/components/responses/{Problem.__name__}"}
    return responses


def _refusal(status: int, spec: ResponseSpec) -> Document:
    if _is_problem(spec):
        return {"$ref": f"#/components/responses/{family(status)[0].__name__}"}
    return {
        "description": spec.description,
        "content": {JSON: {"schema": {"$ref": components.ref(spec.data_container)}}},
    }


def _successes(route: Route) -> Iterator[tuple[int, Document]]:
    content = None if route.method == "HEAD" else _content(route)
    answered = ("X-Request-Id",) if route.handler.opt.get("uncounted") else texts.RATE_LIMITED
    headers = {name: {"$ref": f"#/components/headers/{_key(name)}"} for name in (*answered, *route.described.answers)}
    success = {"description": _success(route), "headers": headers, **({"content": content} if content else {})}
    yield route.handler.status_code, success
    if issubclass(route.described, Files):
        yield 206, {**success, "description": "The requested part of the file."}
        yield 304, {"description": "The file has not changed.", "headers": headers}


def _success(route: Route) -> str:
    if route.answer is None or route.answer is type(None):
        return "Success, without a body."
    if components.is_struct(route.answer):
        doc = components.own_doc(get_origin(route.answer) or route.answer)
    else:
        doc = "" if route.described is Described else components.own_doc(route.described)
    return doc.partition("\n")[0] or "Success."


def _content(route: Route) -> Document | None:
    if route.described.content is not None:
        return route.described.content
    if components.is_struct(route.answer):
        return {JSON: {"schema": {"$ref": components.ref(route.answer)}, "example": examples.of(route.answer)}}
    media_type = str(getattr(route.handler.media_type, "value", route.handler.media_type) or "")
    return {media_type: {"schema": {"type": "string"}}} if route.answer in (str, bytes) else None


def _problem(status: int) -> Document:
    """One response for a status, with an example for each of its codes."""
    kinds = family(status)
    wait = {423: "Retry-After", 429: "Retry-After", 503: "Retry-After", 401: "WWW-Authenticate"}.get(status)
    return {
        "description": kinds[0].title + ".",
        "headers": {
            name: {"$ref": f"#/components/headers/{_key(name)}"} for name in filter(None, ("X-Request-Id", wait))
        },
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": components.PREFIX + ProblemBody.__name__},
                "examples": {kind.code: {"summary": kind.title, "value": examples.problem(kind)} for kind in kinds},
            }
        },
    }


def _statuses(routes: list[Route]) -> list[int]:
    said = [status for route in routes for status, spec in (route.handler.responses or {}).items() if _is_problem(spec)]
    return sorted({*said, Problem.status})


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


def _key(header: str) -> str:
    return header.replace("-", "")
