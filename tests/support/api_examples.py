"""API objects from the examples of the OpenAPI document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

SPEC: dict[str, Any] = msgspec.json.decode((Path(__file__).parents[2] / "openapi" / "openapi.json").read_bytes())


def example(path: str, method: str = "get", status: str = "200") -> dict[str, Any]:
    """A copy of the document's example of a response."""
    answer = SPEC["paths"][path][method]["responses"][status]["content"]["application/json"]["example"]
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return copy


def video(**changes: Any) -> dict[str, Any]:
    """A video with some fields replaced."""
    return example("/v1/videos", "post") | changes


def problem(status: int, code: str, **more: Any) -> dict[str, Any]:
    """A problem document."""
    detail = f"It is {code}."
    return {
        "type": f"urn:kinora:problem:{code}",
        "title": code,
        "status": status,
        "detail": detail,
        "instance": "req_1",
        "param": None,
        "error": {"message": detail, "type": "x", "param": None, "code": code},
        **more,
    }
