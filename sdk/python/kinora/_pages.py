"""Lists that fetch their pages themselves: iterate over every item, or request one page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from kinora._drivers import iterate_async, iterate_sync, run_async, run_sync
from kinora._request import ApiCall, ClientConfig
from kinora._retries import send_call
from kinora._sansio import Emit, ItemFlow

if TYPE_CHECKING:
    from kinora._transport import SyncTransport
    from kinora._transport_async import AsyncTransport


class HasId(Protocol):
    """An item of a list."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=HasId)


class ListPage(Protocol[T]):
    """One page as the server returns it."""

    @property
    def data(self) -> list[T]: ...
    @property
    def last_id(self) -> str | None: ...
    @property
    def has_more(self) -> bool: ...


def _emit_items(config: ClientConfig, first_call: ApiCall[Any]) -> ItemFlow[Any]:
    """The items of the list; the next page is requested when one is used up."""
    call = first_call
    while True:
        page: ListPage[Any] = yield from send_call(config, call)
        for item in page.data:
            yield Emit(item)
        if not page.has_more or page.last_id is None:
            return
        call = call._replace(query={**call.query, "after": page.last_id})


class Pages(Generic[T]):
    """A list: `for item in …` goes through all pages; `.page()` requests one page."""

    def __init__(self, config: ClientConfig, transport: SyncTransport, first_call: ApiCall[Any]) -> None:
        self._config = config
        self._transport = transport
        self._first_call = first_call

    def __iter__(self) -> Iterator[T]:
        return iterate_sync(_emit_items(self._config, self._first_call), self._transport)

    def page(self) -> ListPage[T]:
        """The first page: `.data`, `.has_more`, and `.last_id` to continue from with `after=`."""
        return cast("ListPage[T]", run_sync(send_call(self._config, self._first_call), self._transport))


class AsyncPages(Generic[T]):
    """A list: `async for item in …` goes through all pages; `await ….page()` requests one page."""

    def __init__(self, config: ClientConfig, transport: AsyncTransport, first_call: ApiCall[Any]) -> None:
        self._config = config
        self._transport = transport
        self._first_call = first_call

    def __aiter__(self) -> AsyncIterator[T]:
        return iterate_async(_emit_items(self._config, self._first_call), self._transport)

    async def page(self) -> ListPage[T]:
        """The first page: `.data`, `.has_more`, and `.last_id` to continue from with `after=`."""
        return cast("ListPage[T]", await run_async(send_call(self._config, self._first_call), self._transport))

    def __await__(self) -> Generator[Any, None, ListPage[T]]:
        return self.page().__await__()
