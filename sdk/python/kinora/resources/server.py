"""Health and metrics for the operator. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kinora import types
from kinora._decoding import decode_text, json_decoder
from kinora._request import ApiCall, CallOptions

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora.types import Health


class ServerAPI:
    """Health and metrics for the operator."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def live(self, *, timeout: float | None = None) -> Health:
        """Check liveness.

        Respond as long as the process runs, even if the systems it depends on are down.
        """
        return self._client._send(
            ApiCall(
                "GET", "/health/live", json_decoder(types.Health), public=True, options=CallOptions(timeout=timeout)
            )
        )

    def ready(self, *, timeout: float | None = None) -> Health:
        """Check readiness.

        Check whether requests can be served. Without Redis the server is `degraded`: it can read but not create.

        Raises: Unavailable, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET", "/health/ready", json_decoder(types.Health), public=True, options=CallOptions(timeout=timeout)
            )
        )

    def metrics(self, *, timeout: float | None = None) -> str:
        """Get metrics.

        Return metrics in Prometheus's text format: requests of this process and the state of the job queue.
        """
        return self._client._send(
            ApiCall("GET", "/metrics", decode_text, public=True, options=CallOptions(timeout=timeout))
        )


class AsyncServerAPI:
    """Health and metrics for the operator."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def live(self, *, timeout: float | None = None) -> Health:
        """Check liveness.

        Respond as long as the process runs, even if the systems it depends on are down.
        """
        return await self._client._send(
            ApiCall(
                "GET", "/health/live", json_decoder(types.Health), public=True, options=CallOptions(timeout=timeout)
            )
        )

    async def ready(self, *, timeout: float | None = None) -> Health:
        """Check readiness.

        Check whether requests can be served. Without Redis the server is `degraded`: it can read but not create.

        Raises: Unavailable, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET", "/health/ready", json_decoder(types.Health), public=True, options=CallOptions(timeout=timeout)
            )
        )

    async def metrics(self, *, timeout: float | None = None) -> str:
        """Get metrics.

        Return metrics in Prometheus's text format: requests of this process and the state of the job queue.
        """
        return await self._client._send(
            ApiCall("GET", "/metrics", decode_text, public=True, options=CallOptions(timeout=timeout))
        )
