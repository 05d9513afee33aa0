"""Response bodies that several resources share: pages, problem documents, health."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

T = TypeVar("T")
HealthStatus = Literal["ok", "degraded", "down"]
ListOrder = Literal["asc", "desc"]


def unix_seconds(moment: datetime) -> int:
    """A time as the wire has it: whole seconds since 1970 in UTC."""
    return int(moment.timestamp())


class ErrorMember(Struct, frozen=True):
    """The error in the form OpenAI's clients expect."""

    message: Annotated[str, Meta(description="Human-readable description of the error.")]
    type: Annotated[str, Meta(description="Error category as OpenAI names it, for example `invalid_request_error`.")]
    param: Annotated[
        str | None, Meta(description="Name of the invalid field; null if the error concerns no single field.")
    ]
    code: Annotated[str, Meta(description="Machine-readable problem code, for example `insufficient_credits`.")]


class ProblemBody(Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457). Some problems add members of their own, such as `cost` and `available`."""

    type: Annotated[str, Meta(description="URI that identifies the problem type.")]
    title: Annotated[str, Meta(description="Short summary of the problem type.")]
    status: Annotated[int, Meta(description="HTTP status code.")]
    detail: Annotated[str, Meta(description="Explanation of this occurrence and how to resolve it.")]
    instance: Annotated[str, Meta(description="Id of the request, the same as in `X-Request-Id`.")]
    param: Annotated[
        str | None,
        Meta(description="Path of the invalid field, separated by dots; null if the problem concerns no single field."),
    ] = None
    error: Annotated[ErrorMember, Meta(description="The same error in the form OpenAI's clients expect.")]


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list. Send its `last_id` as `after` to get the next page."""

    object: Literal["list"] = "list"
    data: Annotated[list[T], Meta(description="Items of this page, in the requested order.")]
    first_id: Annotated[str | None, Meta(description="Id of the first item; null if the page is empty.")]
    last_id: Annotated[
        str | None,
        Meta(description="Id of the last item, to be sent as `after` for the next page; null if the page is empty."),
    ]
    has_more: Annotated[bool, Meta(description="Whether more items follow this page.")]


class Deleted(Struct, frozen=True, kw_only=True):
    """Confirmation that an object was deleted."""

    id: Annotated[str, Meta(description="Id of the deleted object.")]
    object: Annotated[str, Meta(description="Type of the deleted object, followed by `.deleted`.")]
    deleted: Annotated[bool, Meta(description="Always `true`.")] = True


class Health(Struct, frozen=True, kw_only=True):
    """Health of the server and of the systems it depends on."""

    status: Annotated[
        HealthStatus, Meta(description="`ok`; `degraded` if only some requests can be served; `down` if none can.")
    ]
    checks: Annotated[dict[str, str], Meta(description="Result for each dependency by name: `ok`, or the fault.")]
