"""What can be asked of each model. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kinora import types
from kinora._request import Call, Options, id_of, path, reader

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import Model


class ModelsAPI:
    """What can be asked of each model."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def list(self, *, timeout: float | None = None) -> Pages[Model]:
        """List models.

        Every model a create may name, with its sizes, limits and operations. The default is the first of them that
        makes films, and for stills the first that makes stills.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(Call("GET", "/v1/models", reader(types.ModelPage), options=Options(timeout=timeout)))

    def get(self, model: Model | str, *, timeout: float | None = None) -> Model:
        """Get a model.

        One model, by its own name or by an alias such as `sora-2`.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call("GET", path("/v1/models/{}", id_of(model)), reader(types.Model), options=Options(timeout=timeout))
        )


class AsyncModelsAPI:
    """What can be asked of each model."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    def list(self, *, timeout: float | None = None) -> AsyncPages[Model]:
        """List models.

        Every model a create may name, with its sizes, limits and operations. The default is the first of them that
        makes films, and for stills the first that makes stills.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(Call("GET", "/v1/models", reader(types.ModelPage), options=Options(timeout=timeout)))

    async def get(self, model: Model | str, *, timeout: float | None = None) -> Model:
        """Get a model.

        One model, by its own name or by an alias such as `sora-2`.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call("GET", path("/v1/models/{}", id_of(model)), reader(types.Model), options=Options(timeout=timeout))
        )
