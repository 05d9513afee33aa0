"""The OpenAPI document as the tests of breaking changes alter it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sdk import breaking_changes
from sdk.schema_changes import Document

Alter = Callable[[Document], Any]

PRESENT: Document = msgspec.json.decode(breaking_changes.PRESENT.read_bytes())


def altered(*alterations: Alter) -> Document:
    """A copy of the present document with these alterations."""
    document: Document = msgspec.json.decode(msgspec.json.encode(PRESENT))
    for alter in alterations:
        alter(document)
    return document


def schema(document: Document, name: str) -> Document:
    """A schema by its name."""
    part: Document = document["components"]["schemas"][name]
    return part


def field(document: Document, name: str, field: str) -> Document:
    """A field of a schema."""
    part: Document = schema(document, name)["properties"][field]
    return part


def operation(document: Document, path: str, verb: str = "get") -> Document:
    """An operation by its path below /v1/."""
    part: Document = document["paths"][f"/v1/{path}"][verb]
    return part


def json_content(component: Document) -> Document:
    """The JSON content of a request body or a response."""
    part: Document = component["content"]["application/json"]
    return part
