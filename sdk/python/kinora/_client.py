"""`Kinora` and `AsyncKinora`: settings and connections of a client. Its operations are generated, in `resources`."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

from kinora._drivers import iterate_async, iterate_sync, run_async, run_sync
from kinora._request import UPLOAD_CHUNK_SIZE, ApiCall, ClientConfig, validate_config
from kinora._resources import AsyncResources, Resources
from kinora._retries import send_call
from kinora._sansio import Flow, ItemFlow

if TYPE_CHECKING:
    import httpx2

    from kinora._pages import AsyncPages, Pages

T = TypeVar("T")

DEFAULT_BASE_URL = "http://127.0.0.1:8000"


class ClientOptions(TypedDict, total=False):
    """The settings that `with_options` can change."""

    api_key: str | None
    timeout: float
    max_retries: int
    retry_pause: float
    headers: Mapping[str, str]
    upload_chunk_size: int


def _build_config(
    api_key: str | None,
    base_url: str | None,
    timeout: float,
    max_retries: int,
    retry_pause: float,
    headers: Mapping[str, str] | None,
    upload_chunk_size: int,
) -> ClientConfig:
    """Arguments take precedence over the environment. A base URL may end in `/v1` or not."""
    base = (base_url or os.environ.get("KINORA_BASE_URL") or DEFAULT_BASE_URL).strip()
    if not base.startswith(("http://", "https://")):
        raise ValueError(f"base_url must begin with http:// or https://; this one is {base!r}.")
    return validate_config(
        ClientConfig(
            api_key=api_key or os.environ.get("KINORA_API_KEY") or None,
            base_url=base.rstrip("/").removesuffix("/v1").rstrip("/"),
            timeout=timeout,
            max_retries=max_retries,
            retry_pause=retry_pause,
            headers=dict(headers or {}),
            upload_chunk_size=upload_chunk_size,
        )
    )


class _ClientBase:
    """Settings and connections, shared by both clients."""

    _config: ClientConfig
    _transport: Any

    @property
    def base_url(self) -> str:
        """The server's URL, without `/v1`."""
        return self._config.base_url

    def with_options(self, **changes: Unpack[ClientOptions]) -> Self:
        """A client with another `api_key`, `timeout` or other settings, on the same connections."""
        client = object.__new__(type(self))
        client._config = validate_config(self._config._replace(**changes))
        client._transport = self._transport
        return client


class Kinora(_ClientBase, Resources):
    """A client of a Kinora server, for use by any number of threads. `with Kinora() as client:` closes its connections.

    `api_key` and `base_url` default to KINORA_API_KEY and KINORA_BASE_URL, then to a server on this machine.
    `timeout` is in seconds, for each request. A request that may succeed later is retried up to `max_retries` times,
    first after about `retry_pause` seconds, then after twice as long each time, or when the server says. Files are
    uploaded `upload_chunk_size` bytes at a time. `http_client` is an `httpx2.Client` with your own proxy or
    certificates.
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
        upload_chunk_size: int = UPLOAD_CHUNK_SIZE,
        http_client: httpx2.Client | None = None,
    ) -> None:
        from kinora._transport import SyncTransport

        self._config = _build_config(api_key, base_url, timeout, max_retries, retry_pause, headers, upload_chunk_size)
        self._transport = SyncTransport(http_client, is_local=self._config.is_local)

    def _send(self, call: ApiCall[T]) -> T:
        return run_sync(send_call(self._config, call), self._transport)

    def _run_flow(self, flow: Flow[T]) -> T:
        return run_sync(flow, self._transport)

    def _iterate_flow(self, flow: ItemFlow[T]) -> Generator[T, None, None]:
        return iterate_sync(flow, self._transport)

    def _list_pages(self, call: ApiCall[Any]) -> Pages[Any]:
        from kinora._pages import Pages

        return Pages(self._config, self._transport, call)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncKinora(_ClientBase, AsyncResources):
    """`Kinora` with coroutines. `async with AsyncKinora() as client:` closes its connections.

    One client may be used in several event loops, as by one `asyncio.run` after another; an `http_client` of your own
    only in one.
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
        upload_chunk_size: int = UPLOAD_CHUNK_SIZE,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        from kinora._transport_async import AsyncTransport

        self._config = _build_config(api_key, base_url, timeout, max_retries, retry_pause, headers, upload_chunk_size)
        self._transport = AsyncTransport(http_client, is_local=self._config.is_local)

    async def _send(self, call: ApiCall[T]) -> T:
        return await run_async(send_call(self._config, call), self._transport)

    async def _run_flow(self, flow: Flow[T]) -> T:
        return await run_async(flow, self._transport)

    def _iterate_flow(self, flow: ItemFlow[T]) -> AsyncGenerator[T, None]:
        return iterate_async(flow, self._transport)

    def _list_pages(self, call: ApiCall[Any]) -> AsyncPages[Any]:
        from kinora._pages import AsyncPages

        return AsyncPages(self._config, self._transport, call)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
