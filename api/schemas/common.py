"""What every resource's answers share: pages, problems, health."""

from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

T = TypeVar("T")
HealthStatus = Literal["ok", "degraded", "down"]
ListOrder = Literal["asc", "desc"]


class ErrorMember(Struct, frozen=True):
    """The error as OpenAI's clients read it."""

    message: Annotated[str, Meta(description="What is wrong, in a sentence.")]
    type: Annotated[str, Meta(description="The kind of error, in OpenAI's words.")]
    param: Annotated[str | None, Meta(description="The field at fault.")]
    code: Annotated[str, Meta(description="The kind of problem, one word for each.")]


class ProblemBody(Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457). `param` names the field at fault; `cost`, `available` and others may follow."""

    type: Annotated[str, Meta(description="A URI that names the kind of problem.")]
    title: Annotated[str, Meta(description="The kind of problem, in a few words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What is wrong, and what can be done about it.")]
    instance: Annotated[str, Meta(description="The request's id.")]
    param: Annotated[str | None, Meta(description="The field at fault, as a path with dots.")] = None
    error: Annotated[ErrorMember, Meta(description="The same for OpenAI's clients.")]


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: Annotated[Literal["list"], Meta(description="What kind of object this is.")] = "list"
    data: Annotated[list[T], Meta(description="The items of this page, in the order asked for.")]
    first_id: Annotated[str | None, Meta(description="The id of the first item.")]
    last_id: Annotated[str | None, Meta(description="The id of the last item, from which the next page goes on.")]
    has_more: Annotated[bool, Meta(description="Whether another page follows.")]


class Deleted(Struct, frozen=True, kw_only=True):
    """The answer to a delete."""

    id: Annotated[str, Meta(description="What was deleted.")]
    object: Annotated[str, Meta(description="What kind of object it was, followed by `.deleted`.")]
    deleted: Annotated[bool, Meta(description="Always true.")] = True


class Health(Struct, frozen=True, kw_only=True):
    """Whether the server can do its work; each part says `ok` or what is wrong."""

    status: Annotated[HealthStatus, Meta(description="Whether it can work.")]
    checks: Annotated[dict[str, str], Meta(description="Each part by its name: `ok`, or what is wrong.")]
