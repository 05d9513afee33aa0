"""What a route tells the OpenAPI document beyond its signature. The document itself is drawn in `document`.

Through its `operation_class` a route says `bodies(VideoCreate)`, `takes("Prefer")`, `EventStream` or `Files`; what it
may refuse it says with `responses=problems(401, 404)`.
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

BYTES: Document = {"schema": schemas.BINARY}


class Described(Operation):
    """Request bodies, headers and response content that the signature of a handler does not show."""

    bodies: ClassVar[tuple[type[Any], ...]] = ()
    any_body: ClassVar[str] = ""
    headers: ClassVar[tuple[str, ...]] = ()
    answers: ClassVar[tuple[str, ...]] = ()
    content: ClassVar[Document | None] = None
    sent: ClassVar[Document | None] = None
    schemas: ClassVar[dict[str, Document]] = {}


class EventStream(Described):
    """Server-sent events, each with a complete video as its data."""

    content: ClassVar[Document | None] = {
        "text/event-stream": {
            "schema": {
                "type": "string",
                "contentMediaType": JSON,
                "contentSchema": {"$ref": schemas.PREFIX + Video.__name__},
            },
            "example": examples.EVENT,
        }
    }


class Feed(EventStream):
    """Server-sent events, each with a complete video as its data; resumable."""

    headers = ("Last-Event-ID",)


class Files(Described):
    """The file."""

    headers = ("Range", "If-Range", "If-None-Match")
    content: ClassVar[Document | None] = dict.fromkeys(("video/mp4", "image/jpeg", "image/webp"), BYTES)


class Playlist(Described):
    """An HLS playlist."""

    content: ClassVar[Document | None] = {
        "application/vnd.apple.mpegurl": {"schema": {"type": "string"}, "example": examples.PLAYLIST}
    }


class SegmentFile(Files):
    """A segment of the stream, as fragmented MP4."""

    content: ClassVar[Document | None] = {"video/mp4": BYTES}


class Preview(Files):
    """The preview image."""

    content: ClassVar[Document | None] = {"image/jpeg": BYTES}


class SignedEvent(Described):
    """A signed event of Stripe."""

    headers = ("Stripe-Signature",)
    sent: ClassVar[Document | None] = {
        JSON: {"schema": {"type": "object", "additionalProperties": True}, "example": examples.STRIPE_EVENT}
    }


class PngFile(Described):
    """The image."""

    content: ClassVar[Document | None] = {"image/png": BYTES}


CHUNK: Document = {tus.CONTENT_TYPE: BYTES}
STATE = ("Tus-Resumable", "Upload-Expires", "Upload-Offset")


class Sending(Described):
    """A new upload: a whole file in a form, or the start of a resumable one."""

    headers = ("Idempotency-Key", "Tus-Resumable", "Upload-Length", "Upload-Metadata")
    answers = ("Location", *STATE)
    sent: ClassVar[Document | None] = {
        MULTIPART: {"schema": {"$ref": f"{schemas.PREFIX}UploadForm"}, "example": {FILE: "boat.mp4"}},
        **CHUNK,
    }
    schemas: ClassVar[dict[str, Document]] = {
        "UploadForm": {
            "title": "UploadForm",
            "description": "File to upload.",
            "type": "object",
            "properties": {FILE: {**schemas.BINARY, "description": "Image or video file."}},
            "required": [FILE],
            "additionalProperties": False,
        }
    }


class Appending(Described):
    """The next bytes of an upload."""

    headers = ("Tus-Resumable", "Upload-Offset")
    answers = STATE
    sent: ClassVar[Document | None] = CHUNK


class Asking(Described):
    """The offset of an upload."""

    headers = ("Tus-Resumable",)
    answers = ("Upload-Length", "Upload-Metadata", *STATE)


class Ending(Described):
    """The deletion of an upload."""

    headers = ("Tus-Resumable",)
    answers = ("Tus-Resumable",)


def bodies(kind: type[Any], *headers: str) -> type[Operation]:
    """An operation that takes this Struct as JSON or as a form, and these headers."""
    return type(f"{kind.__name__}Operation", (Described,), {"bodies": (kind,), "headers": headers})


def any_of(name: str, doc: str, kinds: tuple[type[Any], ...], *headers: str) -> type[Operation]:
    """An operation that takes one of these Structs, which together are called `name`, and these headers."""
    members = {"__doc__": doc, "bodies": kinds, "any_body": name, "headers": headers}
    return type(f"{name}Operation", (Described,), members)


def takes(*headers: str) -> type[Operation]:
    """An operation that takes these headers and no body."""
    return type("HeadersOperation", (Described,), {"headers": headers})


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The problems a route may answer with, as its `responses`."""
    return {
        status: ResponseSpec(
            ProblemBody, description=family(status)[0].title, media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


def per_method(**names: str) -> Callable[[HTTPRouteHandler, Method, object], str]:
    """An `operation_id` for a handler of several methods: `per_method(GET="get_x", HEAD="head_x")`."""
    return lambda _handler, method, _path: names[str(method)]


def kinds() -> list[type[Problem]]:
    """Every problem there is, the general before the particular."""
    found: list[type[Problem]] = [Problem]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


def family(status: int) -> list[type[Problem]]:
    """The problems with this status, the general one first."""
    return [kind for kind in kinds() if kind.status == status]
