"""The person signed in. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._request import Call, Options, reader

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora.types import User


class AccountAPI:
    """The person signed in."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def get(self, *, timeout: float | None = None) -> User:
        """Get the account.

        Who is signed in, and on which plan.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(Call("GET", "/v1/me", reader(types.User), options=Options(timeout=timeout)))

    def update(
        self, *, name: str | None = None, locale: Literal["en", "fr"] | None = None, timeout: float | None = None
    ) -> User:
        """Change the account.

        Change the name, or the language of texts meant for a person (`en` or `fr`). What is left out stays.

        Arguments:
            name: What they want to be called. (up to 100 characters)
            locale: The language of texts meant for them.

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            client.account.update(name="Ada Lovelace", locale="fr")
        """
        return self._client._call(
            Call(
                "PATCH",
                "/v1/me",
                reader(types.User),
                body={
                    "name": name,
                    "locale": locale,
                },
                options=Options(timeout=timeout),
            )
        )


class AsyncAccountAPI:
    """The person signed in."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def get(self, *, timeout: float | None = None) -> User:
        """Get the account.

        Who is signed in, and on which plan.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(Call("GET", "/v1/me", reader(types.User), options=Options(timeout=timeout)))

    async def update(
        self, *, name: str | None = None, locale: Literal["en", "fr"] | None = None, timeout: float | None = None
    ) -> User:
        """Change the account.

        Change the name, or the language of texts meant for a person (`en` or `fr`). What is left out stays.

        Arguments:
            name: What they want to be called. (up to 100 characters)
            locale: The language of texts meant for them.

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            await client.account.update(name="Ada Lovelace", locale="fr")
        """
        return await self._client._call(
            Call(
                "PATCH",
                "/v1/me",
                reader(types.User),
                body={
                    "name": name,
                    "locale": locale,
                },
                options=Options(timeout=timeout),
            )
        )
