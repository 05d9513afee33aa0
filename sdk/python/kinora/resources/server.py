"""For whoever runs the server. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kinora import types
from kinora._request import Call, Options, reader, text

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora.types import Health


class ServerAPI:
    """For whoever runs the server."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def live(self, *, timeout: float | None = None) -> Health:
        """Is the process up.

        Answers as long as the process runs, whatever else is down: a reason not to restart it.
        """
        return self._client._call(
            Call("GET", "/health/live", reader(types.Health), public=True, options=Options(timeout=timeout))
        )

    def ready(self, *, timeout: float | None = None) -> Health:
        """Can the server work.

        Whether requests can be served. Without Redis the answer is `degraded`: reading goes on, creating does not.

        Raises: Unavailable, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call("GET", "/health/ready", reader(types.Health), public=True, options=Options(timeout=timeout))
        )

    def metrics(self, *, timeout: float | None = None) -> str:
        """Metrics.

        Prometheus's text format: requests of this process, and the queue as the database has it.
        """
        return self._client._call(Call("GET", "/metrics", text, public=True, options=Options(timeout=timeout)))


class AsyncServerAPI:
    """For whoever runs the server."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def live(self, *, timeout: float | None = None) -> Health:
        """Is the process up.

        Answers as long as the process runs, whatever else is down: a reason not to restart it.
        """
        return await self._client._call(
            Call("GET", "/health/live", reader(types.Health), public=True, options=Options(timeout=timeout))
        )

    async def ready(self, *, timeout: float | None = None) -> Health:
        """Can the server work.

        Whether requests can be served. Without Redis the answer is `degraded`: reading goes on, creating does not.

        Raises: Unavailable, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call("GET", "/health/ready", reader(types.Health), public=True, options=Options(timeout=timeout))
        )

    async def metrics(self, *, timeout: float | None = None) -> str:
        """Metrics.

        Prometheus's text format: requests of this process, and the queue as the database has it.
        """
        return await self._client._call(Call("GET", "/metrics", text, public=True, options=Options(timeout=timeout)))
