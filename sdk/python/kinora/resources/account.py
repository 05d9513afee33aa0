"""The signed-in user. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._decoding import json_decoder
from kinora._request import ApiCall, CallOptions

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora.types import User


class AccountAPI:
    """The signed-in user."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def get(self, *, timeout: float | None = None) -> User:
        """Get the account.

        Return the signed-in user.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall("GET", "/v1/me", json_decoder(types.User), options=CallOptions(timeout=timeout))
        )

    def update(
        self, *, name: str | None = None, locale: Literal["en", "fr"] | None = None, timeout: float | None = None
    ) -> User:
        """Update the account.

        Change the display name or the language. Fields that are left out keep their value.

        Arguments:
            name: Display name. (up to 100 characters)
            locale: Language of texts addressed to the user.

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            client.account.update(name="Ada Lovelace", locale="fr")
        """
        return self._client._send(
            ApiCall(
                "PATCH",
                "/v1/me",
                json_decoder(types.User),
                body={
                    "name": name,
                    "locale": locale,
                },
                options=CallOptions(timeout=timeout),
            )
        )


class AsyncAccountAPI:
    """The signed-in user."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def get(self, *, timeout: float | None = None) -> User:
        """Get the account.

        Return the signed-in user.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall("GET", "/v1/me", json_decoder(types.User), options=CallOptions(timeout=timeout))
        )

    async def update(
        self, *, name: str | None = None, locale: Literal["en", "fr"] | None = None, timeout: float | None = None
    ) -> User:
        """Update the account.

        Change the display name or the language. Fields that are left out keep their value.

        Arguments:
            name: Display name. (up to 100 characters)
            locale: Language of texts addressed to the user.

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            await client.account.update(name="Ada Lovelace", locale="fr")
        """
        return await self._client._send(
            ApiCall(
                "PATCH",
                "/v1/me",
                json_decoder(types.User),
                body={
                    "name": name,
                    "locale": locale,
                },
                options=CallOptions(timeout=timeout),
            )
        )
