"""Lists that fetch themselves: iterate over everything, or take one page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any, Generic, Protocol, TypeVar, cast

from kinora._request import Call, Config, call
from kinora._sansio import AsyncTransport, Item, Stream, Transport, each, each_async, run, run_async

T = TypeVar("T", bound="Listed")


class Listed(Protocol):
    """Something that stands in a list."""

    @property
    def id(self) -> str: ...


class Page(Protocol[T]):
    """One page as the server answers it."""

    @property
    def data(self) -> list[T]: ...
    @property
    def last_id(self) -> str | None: ...
    @property
    def has_more(self) -> bool: ...


def _items(config: Config, first: Call[Any]) -> Stream:
    """Each thing of the list, a page asked for whenever one is used up."""
    wanted = first
    while True:
        page = yield from call(config, wanted)
        for thing in page.data:
            yield Item(thing)
        if not page.has_more or page.last_id is None:
            return
        wanted = wanted._replace(query={**wanted.query, "after": page.last_id})


class Pages(Generic[T]):
    """A list: `for thing in …` goes through all of it; `.page()` asks for one page."""

    def __init__(self, config: Config, transport: Transport, first: Call[Any]) -> None:
        self._config = config
        self._transport = transport
        self._first = first

    def __iter__(self) -> Iterator[T]:
        return each(_items(self._config, self._first), self._transport)

    def page(self) -> Page[T]:
        """The first page: `.data`, `.has_more`, and `.last_id` to go on from with `after=`."""
        return cast("Page[T]", run(call(self._config, self._first), self._transport))


class AsyncPages(Generic[T]):
    """A list: `async for thing in …` goes through all of it; `await ….page()` asks for one page."""

    def __init__(self, config: Config, transport: AsyncTransport, first: Call[Any]) -> None:
        self._config = config
        self._transport = transport
        self._first = first

    def __aiter__(self) -> AsyncIterator[T]:
        return each_async(_items(self._config, self._first), self._transport)

    async def page(self) -> Page[T]:
        """The first page: `.data`, `.has_more`, and `.last_id` to go on from with `after=`."""
        return cast("Page[T]", await run_async(call(self._config, self._first), self._transport))

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self.page().__await__()
