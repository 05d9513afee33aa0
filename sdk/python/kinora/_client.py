"""`Kinora` and `AsyncKinora`: how a program reaches a server. What can be called is generated, in `resources`."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

from kinora import _sansio
from kinora._request import Call, Config, call, checked
from kinora._resources import AsyncResources, Resources

if TYPE_CHECKING:
    import httpx2

    from kinora._pages import AsyncPages, Pages

T = TypeVar("T")

LOCAL = "http://127.0.0.1:8000"


class Changes(TypedDict, total=False):
    """What a twin of a client may have otherwise."""

    api_key: str | None
    timeout: float
    max_retries: int
    retry_pause: float
    headers: Mapping[str, str]


def _config(
    api_key: str | None,
    base_url: str | None,
    timeout: float,
    max_retries: int,
    retry_pause: float,
    headers: Mapping[str, str] | None,
) -> Config:
    """Arguments first, then the environment. A base URL is taken with `/v1` at its end and without."""
    base = (base_url or os.environ.get("KINORA_BASE_URL") or LOCAL).strip()
    if not base.startswith(("http://", "https://")):
        raise ValueError(f"base_url must begin with http:// or https://, and this one is {base!r}.")
    return checked(
        Config(
            api_key=api_key or os.environ.get("KINORA_API_KEY") or None,
            base_url=base.rstrip("/").removesuffix("/v1").rstrip("/"),
            timeout=timeout,
            max_retries=max_retries,
            retry_pause=retry_pause,
            headers=dict(headers or {}),
        )
    )


class _Client:
    """What a client is in both worlds: how it calls, and its connections."""

    _config: Config
    _transport: Any

    @property
    def base_url(self) -> str:
        """Where the server is, without `/v1`."""
        return self._config.base_url

    def with_options(self, **changed: Unpack[Changes]) -> Self:
        """The same client with another `api_key`, `timeout` or others of `Changes`, on the same connections."""
        twin = object.__new__(type(self))
        twin._config = checked(self._config._replace(**changed))
        twin._transport = self._transport
        return twin


class Kinora(_Client, Resources):
    """A server's API. One client may be used by many threads; `with Kinora() as client:` closes its connections.

    `api_key` and `base_url` default to KINORA_API_KEY and KINORA_BASE_URL, then to a server on this machine.
    `timeout` is in seconds for each request. One that may pass is repeated `max_retries` times, first after about
    `retry_pause` seconds, then twice as many each time, or when the server says. `http_client` is an `httpx2.Client`
    of one's own, for a proxy or one's own certificates.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 3,
        retry_pause: float = 0.5,
        headers: Mapping[str, str] | None = None,
        http_client: httpx2.Client | None = None,
    ) -> None:
        from kinora._transport import SyncTransport

        self._config = _config(api_key, base_url, timeout, max_retries, retry_pause, headers)
        self._transport = SyncTransport(http_client, self._config.local)

    def _call(self, wanted: Call[T]) -> T:
        return _sansio.run(call(self._config, wanted), self._transport)

    def _run(self, flow: _sansio.Flow[T]) -> T:
        return _sansio.run(flow, self._transport)

    def _each(self, stream: _sansio.Stream) -> Generator[Any, None, None]:
        return _sansio.each(stream, self._transport)

    def _pages(self, wanted: Call[Any]) -> Pages[Any]:
        from kinora._pages import Pages

        return Pages(self._config, self._transport, wanted)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncKinora(_Client, AsyncResources):
    """The same, awaited; for one event loop. `async with AsyncKinora() as client:` closes its connections."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 3,
        retry_pause: float = 0.5,
        headers: Mapping[str, str] | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        from kinora._transport_async import AsyncTransport

        self._config = _config(api_key, base_url, timeout, max_retries, retry_pause, headers)
        self._transport = AsyncTransport(http_client, self._config.local)

    async def _call(self, wanted: Call[T]) -> T:
        return await _sansio.run_async(call(self._config, wanted), self._transport)

    async def _run(self, flow: _sansio.Flow[T]) -> T:
        return await _sansio.run_async(flow, self._transport)

    def _each(self, stream: _sansio.Stream) -> AsyncGenerator[Any, None]:
        return _sansio.each_async(stream, self._transport)

    def _pages(self, wanted: Call[Any]) -> AsyncPages[Any]:
        from kinora._pages import AsyncPages

        return AsyncPages(self._config, self._transport, wanted)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
