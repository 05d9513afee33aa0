"""Reads parts of an OpenAPI document: references, reachable schemas, descriptions, limits. Knows no Python types."""

from __future__ import annotations

import re
from typing import Any

from sdk.naming import python_literal

Document = dict[str, Any]
Operation = dict[str, Any]
Schema = dict[str, Any]


def reference_name(schema: Any) -> str | None:
    """The name that a `$ref` refers to; None for anything else."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return reference.rpartition("/")[2] if isinstance(reference, str) else None


def reachable_schemas(roots: list[Schema], schemas: dict[str, Schema]) -> set[str]:
    """The names of the schemas that these refer to, directly or through others."""
    reached: set[str] = set()
    pending: list[Any] = list(roots)
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            name = reference_name(node)
            if name is None:
                pending += node.values()
            elif name not in reached:
                reached.add(name)
                pending.append(schemas[name])
    return reached


def response_schemas(operation: Operation) -> list[Schema]:
    """The schemas of the bodies of successful responses."""
    return [
        media["schema"]
        for status, response in operation["responses"].items()
        if status[0] == "2"
        for media in response.get("content", {}).values()
        if media.get("schema")
    ]


def request_schemas(operation: Operation) -> list[Schema]:
    """The schemas of the request body, one for each media type."""
    return [media["schema"] for media in operation.get("requestBody", {}).get("content", {}).values()]


def merge_schemas(schemas: list[Schema]) -> Schema:
    """A schema that accepts what any of these accepts: a field may have another shape in a form than in JSON."""
    distinct = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    return {} if len(distinct) == 1 else {"anyOf": distinct}


def describe_field(schema: Schema) -> str:
    """The description of a field, with its limits and default."""
    parts = [schema, *schema.get("anyOf", [])]
    description = next((unwrap_paragraphs(part["description"]) for part in parts if "description" in part), "")
    limits = [limit for part in parts for limit in _describe_limits(part)]
    if "const" not in schema and schema.get("default") not in (None, "", [], {}):
        limits.append(f"default {python_literal(schema['default'])}")
    return " ".join(filter(None, [description, f"({'; '.join(limits)})" if limits else ""]))


def _describe_limits(schema: Schema) -> list[str]:
    limits = [*_describe_range(schema), *_describe_length(schema)]
    if "maxItems" in schema:
        limits.append(f"up to {schema['maxItems']}")
    return limits


def _describe_range(schema: Schema) -> list[str]:
    minimum, maximum = schema.get("minimum"), schema.get("maximum")
    if minimum is None:
        return []
    if maximum is None:
        return [f"at least {minimum:g}"]
    return [f"{minimum:g} to {maximum:,}" if isinstance(maximum, int) else f"{minimum:g} to {maximum:g}"]


def _describe_length(schema: Schema) -> list[str]:
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    if longest is None:
        return []
    return [f"{shortest} to {longest:,} characters" if shortest > 1 else f"up to {longest:,} characters"]


def unwrap_paragraphs(text: str) -> str:
    """The text with each paragraph on one line, since docstrings are wrapped anew."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
