"""The transport of Stripe's library over httpx: what is sent again, and after how long."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
    from stripe import HTTPClient

LONGEST_PAUSE = 5.0
"""Seconds between two tries at the most."""


def pause_seconds(first: float, failures: int) -> float:
    """Seconds to wait after so many failures; random, so that callers do not come back together."""
    return float(min(first * 2**failures, LONGEST_PAUSE) * random.uniform(0.5, 1.0))  # noqa: S311


def create_transport(pause: float, timeout: float, *, use_proxy: bool) -> HTTPClient:
    """The library's transport over httpx, with our pauses and with retries after 429 as well.

    Without `use_proxy`, as for the local fake, the proxies that the environment names are ignored.
    """
    import httpx
    from stripe import HTTPClient

    class Transport(HTTPClient):
        name = "httpx"

        def __init__(self) -> None:
            super().__init__()
            self._web = httpx.AsyncClient(timeout=timeout, trust_env=use_proxy)

        async def request_async(
            self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
        ) -> tuple[bytes, int, Mapping[str, str]]:
            return await _send(self._web, method, url, headers, post_data)

        def sleep_async(self, secs: float) -> Awaitable[None]:
            return asyncio.sleep(secs)

        async def close_async(self) -> None:
            await self._web.aclose()

        def _should_retry(self, response: Any, api_connection_error: Any, num_retries: int, most: int | None) -> bool:
            verdict = _retry_verdict(response)
            if verdict is not None:
                return verdict and num_retries < (most or 0)
            return bool(super()._should_retry(response, api_connection_error, num_retries, most))

        def _sleep_time_seconds(self, num_retries: int) -> float:
            return pause_seconds(pause, num_retries - 1)

    return Transport()


async def _send(
    web: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], body: Any
) -> tuple[bytes, int, Mapping[str, str]]:
    import httpx
    from stripe import APIConnectionError

    try:
        response = await web.request(method, url, headers=dict(headers), content=body or None)
    except httpx.HTTPError as error:
        raise APIConnectionError(f"{type(error).__name__}: {error}", should_retry=True) from error
    return response.content, response.status_code, response.headers


def _retry_verdict(response: tuple[Any, int, Mapping[str, str]] | None) -> bool | None:
    """True or False where we decide otherwise than the library whether to send a request again; else None.

    A replayed answer is final: it would be replayed for a day. A 429 is worth another try unless Stripe forbids it.
    """
    _, status, headers = response or (None, 0, dict[str, str]())
    if headers.get("idempotent-replayed") == "true":
        return False
    if status == 429 and headers.get("stripe-should-retry") != "false":
        return True
    return None
