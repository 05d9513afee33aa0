"""Credentials for programs. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._decoding import json_decoder
from kinora._request import ApiCall, CallOptions, build_path, resource_id

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import ApiKey, Deleted, NewApiKey


class ApiKeysAPI:
    """Credentials for programs."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> Pages[ApiKey]:
        """List API keys.

        List the API keys that have not been deleted, without the keys themselves.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/api_keys",
                json_decoder(types.ApiKeyPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    def create(
        self,
        *,
        name: str,
        scopes: Sequence[Literal["videos:read", "videos:write", "account:read", "account:write"]] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> NewApiKey:
        """Create an API key.

        Create an API key. Only its hash is stored, so `key` is returned this once and is null in a replay.

        Arguments:
            name: Name to recognise the key by. (up to 100 characters)
            scopes: Permissions of the key. (up to 10)

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            client.api_keys.create(name="nightly renders", scopes=['videos:read', 'videos:write'])
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/api_keys",
                json_decoder(types.NewApiKey),
                body={
                    "name": name,
                    "scopes": scopes,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def delete(self, key: str, *, timeout: float | None = None) -> Deleted:
        """Delete an API key.

        Revoke an API key, effective at once.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/api_keys/{}", resource_id(key)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
            )
        )


class AsyncApiKeysAPI:
    """Credentials for programs."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[ApiKey]:
        """List API keys.

        List the API keys that have not been deleted, without the keys themselves.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/api_keys",
                json_decoder(types.ApiKeyPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    async def create(
        self,
        *,
        name: str,
        scopes: Sequence[Literal["videos:read", "videos:write", "account:read", "account:write"]] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> NewApiKey:
        """Create an API key.

        Create an API key. Only its hash is stored, so `key` is returned this once and is null in a replay.

        Arguments:
            name: Name to recognise the key by. (up to 100 characters)
            scopes: Permissions of the key. (up to 10)

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            await client.api_keys.create(name="nightly renders", scopes=['videos:read', 'videos:write'])
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/api_keys",
                json_decoder(types.NewApiKey),
                body={
                    "name": name,
                    "scopes": scopes,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def delete(self, key: str, *, timeout: float | None = None) -> Deleted:
        """Delete an API key.

        Revoke an API key, effective at once.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/api_keys/{}", resource_id(key)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
            )
        )
