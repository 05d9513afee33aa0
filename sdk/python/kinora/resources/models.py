"""Models and their capabilities. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kinora import types
from kinora._decoding import json_decoder
from kinora._request import ApiCall, CallOptions, build_path, resource_id

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import Model


class ModelsAPI:
    """Models and their capabilities."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def list(self, *, timeout: float | None = None) -> Pages[Model]:
        """List models.

        List the models with their sizes, limits and operations.

        The default is the first one that generates videos or, for images, the first one that generates images. Aliases
        such as `sora-2` follow with the properties of the model that serves them.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall("GET", "/v1/models", json_decoder(types.ModelPage), options=CallOptions(timeout=timeout))
        )

    def get(self, model: Model | str, *, timeout: float | None = None) -> Model:
        """Get a model.

        Return a model by its name or an alias such as `sora-2`.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/models/{}", resource_id(model)),
                json_decoder(types.Model),
                options=CallOptions(timeout=timeout),
            )
        )


class AsyncModelsAPI:
    """Models and their capabilities."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    def list(self, *, timeout: float | None = None) -> AsyncPages[Model]:
        """List models.

        List the models with their sizes, limits and operations.

        The default is the first one that generates videos or, for images, the first one that generates images. Aliases
        such as `sora-2` follow with the properties of the model that serves them.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall("GET", "/v1/models", json_decoder(types.ModelPage), options=CallOptions(timeout=timeout))
        )

    async def get(self, model: Model | str, *, timeout: float | None = None) -> Model:
        """Get a model.

        Return a model by its name or an alias such as `sora-2`.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/models/{}", resource_id(model)),
                json_decoder(types.Model),
                options=CallOptions(timeout=timeout),
            )
        )
