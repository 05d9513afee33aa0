"""Declarations of a route for the OpenAPI document that its signature does not show.

A route sets `operation_class` to `body_operation(VideoCreate)`, `headers_operation("Prefer")` or a class below, and its
errors with `responses=problem_responses(401, 404)`. `document` builds the document from them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation
from litestar.types import Method

from api import errors
from api.errors import Problem
from api.http.body import FILE, JSON, MULTIPART
from api.http.openapi import components as schemas
from api.http.openapi import examples
from api.http.problems import MEDIA_TYPE
from api.schemas.common import ProblemBody
from api.schemas.videos import Video
from api.uploads import tus

Document = dict[str, Any]

BINARY_CONTENT: Document = {"schema": schemas.BINARY}


class DocumentedOperation(Operation):
    """Request bodies, headers and response content that the signature of a handler does not show."""

    body_types: ClassVar[tuple[type[Any], ...]] = ()
    union_name: ClassVar[str] = ""
    request_headers: ClassVar[tuple[str, ...]] = ()
    response_headers: ClassVar[tuple[str, ...]] = ()
    response_content: ClassVar[Document | None] = None
    request_content: ClassVar[Document | None] = None
    extra_schemas: ClassVar[dict[str, Document]] = {}
    empty_responses: ClassVar[dict[int, str]] = {}  # successes without content: their statuses and descriptions


class EventStreamOperation(DocumentedOperation):
    """Server-sent events, each with a complete video as its data."""

    response_content: ClassVar[Document | None] = {
        "text/event-stream": {
            "schema": {
                "type": "string",
                "contentMediaType": JSON,
                "contentSchema": {"$ref": schemas.PREFIX + Video.__name__},
            },
            "example": examples.EVENT,
        }
    }


class ResumableEventStreamOperation(EventStreamOperation):
    """Server-sent events, each with a complete video as its data; resumable."""

    request_headers = ("Last-Event-ID",)


class EndingEventStreamOperation(ResumableEventStreamOperation):
    """Server-sent events, each with a complete video as its data."""

    empty_responses: ClassVar[dict[int, str]] = {204: "The video is finished, and `Last-Event-ID` was its last event."}


class FileOperation(DocumentedOperation):
    """The file."""

    request_headers = ("Range", "If-Range", "If-None-Match")
    empty_responses: ClassVar[dict[int, str]] = {304: "The file has not changed."}
    response_content: ClassVar[Document | None] = dict.fromkeys(
        ("video/mp4", "image/jpeg", "image/webp"), BINARY_CONTENT
    )


class PlaylistOperation(DocumentedOperation):
    """An HLS playlist."""

    response_content: ClassVar[Document | None] = {
        "application/vnd.apple.mpegurl": {"schema": {"type": "string"}, "example": examples.PLAYLIST}
    }


class SegmentOperation(FileOperation):
    """A segment of the stream, as fragmented MP4."""

    response_content: ClassVar[Document | None] = {"video/mp4": BINARY_CONTENT}


class PreviewOperation(FileOperation):
    """The preview image."""

    response_content: ClassVar[Document | None] = {"image/jpeg": BINARY_CONTENT}


class StripeEventOperation(DocumentedOperation):
    """A signed event of Stripe."""

    request_headers = ("Stripe-Signature",)
    request_content: ClassVar[Document | None] = {
        JSON: {"schema": {"type": "object", "additionalProperties": True}, "example": examples.STRIPE_EVENT}
    }


class PngOperation(DocumentedOperation):
    """The image."""

    response_content: ClassVar[Document | None] = {"image/png": BINARY_CONTENT}


CHUNK_CONTENT: Document = {tus.CONTENT_TYPE: BINARY_CONTENT}
UPLOAD_STATE_HEADERS = ("Tus-Resumable", "Upload-Expires", "Upload-Offset")


class UploadCreateOperation(DocumentedOperation):
    """A new upload: a whole file in a form, or the start of a resumable one."""

    request_headers = ("Idempotency-Key", "Tus-Resumable", "Upload-Length", "Upload-Metadata")
    response_headers = ("Location", *UPLOAD_STATE_HEADERS)
    request_content: ClassVar[Document | None] = {
        MULTIPART: {"schema": {"$ref": f"{schemas.PREFIX}UploadForm"}, "example": {FILE: "boat.mp4"}},
        **CHUNK_CONTENT,
    }
    extra_schemas: ClassVar[dict[str, Document]] = {
        "UploadForm": {
            "title": "UploadForm",
            "description": "File to upload.",
            "type": "object",
            "properties": {FILE: {**schemas.BINARY, "description": "Image or video file."}},
            "required": [FILE],
            "additionalProperties": False,
        }
    }


class UploadAppendOperation(DocumentedOperation):
    """The next bytes of an upload."""

    request_headers = ("Tus-Resumable", "Upload-Offset")
    response_headers = UPLOAD_STATE_HEADERS
    request_content: ClassVar[Document | None] = CHUNK_CONTENT


class UploadOffsetOperation(DocumentedOperation):
    """The offset of an upload."""

    request_headers = ("Tus-Resumable",)
    response_headers = ("Upload-Length", "Upload-Metadata", *UPLOAD_STATE_HEADERS)


class UploadDeleteOperation(DocumentedOperation):
    """The deletion of an upload."""

    request_headers = ("Tus-Resumable",)
    response_headers = ("Tus-Resumable",)


def body_operation(kind: type[Any], *headers: str) -> type[Operation]:
    """An operation that accepts this Struct as its body, and these headers."""
    return type(
        f"{kind.__name__}Operation", (DocumentedOperation,), {"body_types": (kind,), "request_headers": headers}
    )


def union_body_operation(name: str, doc: str, kinds: tuple[type[Any], ...], *headers: str) -> type[Operation]:
    """An operation that accepts one of these Structs, documented as one schema `name`, and these headers."""
    members = {"__doc__": doc, "body_types": kinds, "union_name": name, "request_headers": headers}
    return type(f"{name}Operation", (DocumentedOperation,), members)


def headers_operation(*headers: str) -> type[Operation]:
    """An operation that accepts these headers and no body."""
    return type("HeadersOperation", (DocumentedOperation,), {"request_headers": headers})


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The `responses` of a route that may respond with problems of these statuses."""
    return {
        status: ResponseSpec(
            ProblemBody,
            description=problems_with_status(status)[0].title,
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }


def per_method(**names: str) -> Callable[[HTTPRouteHandler, Method, object], str]:
    """An `operation_id` for a handler of several methods: `per_method(GET="get_x", HEAD="head_x")`."""
    return lambda _handler, method, _path: names[str(method)]


def list_problem_classes() -> list[type[Problem]]:
    """All problem classes, base classes first."""
    classes: list[type[Problem]] = [Problem]
    for kind in classes:
        classes += kind.__subclasses__()
    return [kind for kind in classes if kind.__module__ == errors.__name__]


def problems_with_status(status: int) -> list[type[Problem]]:
    """The problem classes of this status, the base class first."""
    return [kind for kind in list_problem_classes() if kind.status == status]
