"""Cursor pagination: the query parameters and the page object of every list."""

from typing import Annotated, Protocol, TypeVar

from litestar.params import QueryParameter

from api import ids
from api.errors import Invalid
from api.schemas.common import ListOrder, Page

After = Annotated[str | None, QueryParameter(description="Id after which the page starts.")]
Limit = Annotated[int, QueryParameter(description="Largest number of items.", ge=1, le=100)]
Order = Annotated[
    ListOrder, QueryParameter(description="Sort order by creation: `asc` is oldest first, `desc` newest first.")
]


class HasId(Protocol):
    """An object with an id."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=HasId)


def check_cursor(after: str | None, kind: str) -> str | None:
    """Return the id after which the page starts. Raises Invalid for an id of another kind."""
    if after is not None and not ids.is_valid_id(after, kind):
        raise Invalid(f"`after` takes the id of a {kind} from an earlier page.", param="after")
    return after


def build_page(rows: list[T], limit: int) -> Page[T]:
    """Build a page from up to `limit + 1` rows; the extra row means that there are more."""
    data = rows[:limit]
    return Page(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > limit,
    )
