"""Reads an OpenAPI document into the SDK to generate: which Structs, and which resources with which methods."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sdk.ir import ClientApi, Field, Method, Resource, ResultKind
from sdk.naming import camel_case, method_name, python_literal, python_name, resource_class_name, resource_name
from sdk.python_types import TypeTranslator, with_none
from sdk.schemas import (
    Document,
    Operation,
    Schema,
    describe_field,
    merge_schemas,
    reachable_schemas,
    reference_name,
    request_schemas,
    response_schemas,
    unwrap_paragraphs,
)

HANDWRITTEN = {"create_upload", "append_upload"}
"""Operations with a handwritten flow, because a file takes more than one request."""

INTERNAL = frozenset({"receive_stripe_event"})
"""Operations that only the external system they serve calls."""

SIGNED_URL_PARAMETERS = frozenset({"expires", "signature"})

ERRORS = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "402": "InsufficientCredits",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "410": "Expired",
    "413": "TooLarge",
    "422": "Invalid",
    "429": "RateLimited",
    "503": "Unavailable",
}

HEADER_ARGUMENTS = {
    "Prefer": Field(
        "hold",
        "Prefer",
        "int | None",
        "Seconds for which the server may hold its response until the video is done.",
        required=False,
    ),
    "Last-Event-ID": Field(
        "last_event_id",
        "Last-Event-ID",
        "str | None",
        "Id of the last event received; changes since then come first.",
        required=False,
    ),
}

EXAMPLE_WIDTH = 100


class Endpoint(NamedTuple):
    """An operation with its path and HTTP method."""

    path: str
    verb: str
    operation: Operation


def read_client_api(document: Document) -> ClientApi:
    """The SDK for a document. Raises UnreadableError."""
    return _DocumentReader(document).read()


class _DocumentReader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._schemas: dict[str, Schema] = document["components"]["schemas"]
        self._types = TypeTranslator(self._schemas)

    def read(self) -> ClientApi:
        endpoints = [endpoint for endpoint in self._endpoints() if _has_method(endpoint)]
        results, inputs = self._result_names(endpoints), self._input_names(endpoints)
        names = [name for name in self._schemas if name in results | inputs and not self._types.is_inlined(name)]
        structs = [self._types.to_struct(name, is_input=name not in results) for name in names]
        return ClientApi(self._document["info"]["version"], structs, self._read_resources(endpoints))

    def _endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(path, verb, operation)
            for path, verbs in self._document["paths"].items()
            for verb, operation in verbs.items()
            if isinstance(operation, dict) and "operationId" in operation
        ]

    def _result_names(self, endpoints: list[Endpoint]) -> set[str]:
        roots = [schema for endpoint in endpoints for schema in response_schemas(endpoint.operation)]
        return reachable_schemas(roots, self._schemas)

    def _input_names(self, endpoints: list[Endpoint]) -> set[str]:
        """The schemas within request bodies; a body itself becomes the arguments of a method."""
        bodies = [schema for endpoint in endpoints for schema in request_schemas(endpoint.operation)]
        return reachable_schemas(bodies, self._schemas) - {reference_name(body) or "" for body in bodies}

    def _read_resources(self, endpoints: list[Endpoint]) -> list[Resource]:
        methods: dict[str, list[Method]] = {}
        for endpoint in endpoints:
            tag = endpoint.operation["tags"][0]
            methods.setdefault(tag, []).append(self._read_method(endpoint, resource_name(tag)))
        return [
            Resource(name, resource_class_name(name), tag["description"], methods[tag["name"]])
            for tag in self._document["tags"]
            if tag["name"] in methods
            for name in [resource_name(tag["name"])]
        ]

    def _read_method(self, endpoint: Endpoint, resource: str) -> Method:
        operation = endpoint.operation
        parameters = [self._resolve(parameter, "parameters") for parameter in operation.get("parameters", [])]
        headers = {parameter["name"] for parameter in parameters if parameter["in"] == "header"}
        path_parameters = [self._path_parameter(parameter) for parameter in parameters if parameter["in"] == "path"]
        name = method_name(operation["operationId"], resource)
        result_kind, result = self._read_result(operation)
        body = self._body_arguments(operation, path_parameters)
        return Method(
            name=name,
            operation_id=operation["operationId"],
            summary=operation["summary"],
            doc=unwrap_paragraphs(operation.get("description", "")),
            verb=endpoint.verb.upper(),
            path_template=re.sub(r"\{\w+\}", "{}", endpoint.path),
            path_parameters=path_parameters,
            body=body,
            file_members=self._types.file_members(body or []),
            query=[self._query_argument(parameter) for parameter in parameters if _is_query_argument(parameter)],
            result_kind=result_kind,
            result=result,
            idempotent="Idempotency-Key" in headers,
            public=operation.get("security") == [],
            raises=[ERRORS[status] for status in operation["responses"] if status in ERRORS],
            example=_write_example(operation, f"client.{resource}.{name}", path_parameters),
            header_arguments=[HEADER_ARGUMENTS[header] for header in HEADER_ARGUMENTS if header in headers],
        )

    def _resolve(self, component: dict[str, Any], kind: str) -> dict[str, Any]:
        """The component itself, or the one that it refers to."""
        name = reference_name(component)
        resolved: dict[str, Any] = self._document["components"][kind][name] if name else component
        return resolved

    def _path_parameter(self, parameter: dict[str, Any]) -> Field:
        """An id; an object of the API may stand for its id, as in `video: Video | str`."""
        wire_name, doc = parameter["name"], parameter.get("description", "")
        noun = wire_name.removesuffix("_id")
        if noun == wire_name:
            return Field(wire_name, wire_name, "str", doc, required=True)
        annotation = f"{camel_case(noun)} | str" if camel_case(noun) in self._schemas else "str"
        return Field(noun, wire_name, annotation, doc, required=True)

    def _query_argument(self, parameter: dict[str, Any]) -> Field:
        name, schema = parameter["name"], parameter["schema"]
        doc = parameter.get("description") or describe_field(schema)
        annotation = with_none(self._types.annotate(schema, is_input=True))
        return Field(python_name(name), name, annotation, doc, required=False)

    def _body_arguments(self, operation: Operation, path_parameters: list[Field]) -> list[Field] | None:
        """The fields of the body, over all its media types; without those that the path has already."""
        names = [reference_name(schema) for schema in request_schemas(operation)]
        if not names:
            return None
        bodies = [self._schemas[name] for name in names if name and self._schemas[name].get("type") == "object"]
        variants: dict[str, list[Schema]] = {}
        for body in bodies:
            for wire_name, schema in body.get("properties", {}).items():
                variants.setdefault(wire_name, []).append(schema)
        required = set.intersection(*(set(body.get("required", [])) for body in bodies))
        arguments = [
            self._types.to_field(
                wire_name, {**schemas[0], **merge_schemas(schemas)}, required=wire_name in required, is_input=True
            )
            for wire_name, schemas in variants.items()
        ]
        in_path = {parameter.name for parameter in path_parameters}
        return [argument for argument in arguments if argument.name not in in_path]

    def _read_result(self, operation: Operation) -> tuple[ResultKind, str]:
        responses = operation["responses"].items()
        content: dict[str, Any] = next(
            (response.get("content", {}) for status, response in responses if status[0] == "2"), {}
        )
        if not content:
            return "nothing", "None"
        (media_type, media), *_ = content.items()
        if media_type == "text/event-stream":
            return "events", self._types.annotate(media["schema"]["contentSchema"], is_input=False)
        if media_type != "application/json":
            is_text = media_type.startswith("text/") or "mpegurl" in media_type
            return ("text", "str") if is_text else ("bytes", "bytes")
        result = self._types.annotate(media["schema"], is_input=False)
        if result.endswith("Page"):
            items = self._schemas[result]["properties"]["data"]["items"]
            return "pages", f"{self._types.annotate(items, is_input=False)}, {result}"
        return "object", result


def _has_method(endpoint: Endpoint) -> bool:
    """Whether the SDK gets a method for it. HEAD has none: GET returns the same and more."""
    return endpoint.verb != "head" and endpoint.operation["operationId"] not in INTERNAL | HANDWRITTEN


def _is_query_argument(parameter: dict[str, Any]) -> bool:
    return parameter["in"] == "query" and parameter["name"] not in SIGNED_URL_PARAMETERS


def _write_example(operation: Operation, function: str, path_parameters: list[Field]) -> str:
    """The document's example of the JSON body as a call; "" without one."""
    content = operation.get("requestBody", {}).get("content", {})
    values = content.get("application/json", {}).get("example")
    if values is None:
        return ""
    ids = [parameter.name for parameter in path_parameters]
    arguments = [*ids, *(f"{python_name(key)}={python_literal(value)}" for key, value in values.items())]
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= EXAMPLE_WIDTH:
        return line
    return f"{function}(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"
