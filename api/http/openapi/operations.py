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
    """What an operation takes and gives beyond its function's signature."""

    bodies: ClassVar[tuple[type[Any], ...]] = ()
    any_body: ClassVar[str] = ""
    headers: ClassVar[tuple[str, ...]] = ()
    answers: ClassVar[tuple[str, ...]] = ()
    content: ClassVar[Document | None] = None
    sent: ClassVar[Document | None] = None
    schemas: ClassVar[dict[str, Document]] = {}


class EventStream(Described):
    """Server-sent events; the data of each is a whole video."""

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
    """An event stream that can be taken up where it was left."""

    headers = ("Last-Event-ID",)


class Files(Described):
    """A rendition's bytes, whole or in part."""

    headers = ("Range", "If-Range", "If-None-Match")
    content: ClassVar[Document | None] = dict.fromkeys(("video/mp4", "image/jpeg", "image/webp"), BYTES)


class Playlist(Described):
    """An HLS playlist."""

    content: ClassVar[Document | None] = {
        "application/vnd.apple.mpegurl": {"schema": {"type": "string"}, "example": examples.PLAYLIST}
    }


class Pieces(Files):
    """A fragment of a film, whole or in part."""

    content: ClassVar[Document | None] = {"video/mp4": BYTES}


class Preview(Files):
    """A small picture, whole or in part."""

    content: ClassVar[Document | None] = {"image/jpeg": BYTES}


class SignedEvent(Described):
    """What an outside system sends in a shape of its own, with its signature."""

    headers = ("Stripe-Signature",)
    sent: ClassVar[Document | None] = {
        JSON: {"schema": {"type": "object", "additionalProperties": True}, "example": examples.STRIPE_EVENT}
    }


class Picture(Described):
    """A picture's bytes."""

    content: ClassVar[Document | None] = {"image/png": BYTES}


CHUNK: Document = {tus.CONTENT: BYTES}
STATE = ("Tus-Resumable", "Upload-Expires", "Upload-Offset")


class Sending(Described):
    """Takes a file, whole in a form or as the beginning of what comes in parts."""

    headers = ("Idempotency-Key", "Tus-Resumable", "Upload-Length", "Upload-Metadata")
    answers = ("Location", *STATE)
    sent: ClassVar[Document | None] = {
        MULTIPART: {"schema": {"$ref": f"{schemas.PREFIX}UploadForm"}, "example": {FILE: "boat.mp4"}},
        **CHUNK,
    }
    schemas: ClassVar[dict[str, Document]] = {
        "UploadForm": {
            "title": "UploadForm",
            "description": "A picture or a film.",
            "type": "object",
            "properties": {FILE: {**schemas.BINARY, "description": "The file."}},
            "required": [FILE],
            "additionalProperties": False,
        }
    }


class Appending(Described):
    """Takes the next bytes of a file."""

    headers = ("Tus-Resumable", "Upload-Offset")
    answers = STATE
    sent: ClassVar[Document | None] = CHUNK


class Asking(Described):
    """Says how far a file has come."""

    headers = ("Tus-Resumable",)
    answers = ("Upload-Length", "Upload-Metadata", *STATE)


class Ending(Described):
    """Removes a file."""

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
