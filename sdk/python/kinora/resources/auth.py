"""Accounts, tokens and the devices that are signed in. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._request import Call, Options, id_of, nothing, path, reader

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import Deleted, Session, Tokens


class AuthAPI:
    """Accounts, tokens and the devices that are signed in."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def log_in(self, *, email: str, password: str, timeout: float | None = None) -> Tokens:
        """Log in.

        Sign a device in. A wrong password and an unknown address are answered alike.

        Arguments:
            email: An e-mail address. (3 to 254 characters)
            password: The account's password. (up to 256 characters)

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            client.auth.log_in(email="ada@example.com", password="correct horse battery")
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/auth/login",
                reader(types.Tokens),
                body={
                    "email": email,
                    "password": password,
                },
                public=True,
                options=Options(timeout=timeout),
            )
        )

    def log_out(self, *, timeout: float | None = None) -> None:
        """Log out.

        End this device's session. Its access and refresh tokens stop working at once.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        self._client._call(Call("POST", "/v1/auth/logout", nothing, options=Options(timeout=timeout)))

    def refresh(self, *, refresh_token: str, timeout: float | None = None) -> Tokens:
        """Refresh the tokens.

        Change the refresh token for a new pair. It works once; keep the new one.

        If the answer is lost, asking again with the same token within 30 seconds answers the same refresh token. After
        that a used token ends the session, because somebody else may hold its successor.

        Arguments:
            refresh_token: The last one; it works once. (up to 200 characters)

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            client.auth.refresh(refresh_token="…")
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/auth/refresh",
                reader(types.Tokens),
                body={
                    "refresh_token": refresh_token,
                },
                public=True,
                options=Options(timeout=timeout),
            )
        )

    def sessions(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> Pages[Session]:
        """List sessions.

        The devices that are signed in; `current` marks the one that asks.

        Arguments:
            after: Begin behind this id.
            limit: How many at most.
            order: Oldest or newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call(
                "GET",
                "/v1/auth/sessions",
                reader(types.SessionPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=Options(timeout=timeout),
            )
        )

    def delete_session(self, session: Session | str, *, timeout: float | None = None) -> Deleted:
        """Sign a device out.

        End one session, this device's or another's. Its tokens stop working at once.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call(
                "DELETE",
                path("/v1/auth/sessions/{}", id_of(session)),
                reader(types.Deleted),
                options=Options(timeout=timeout),
            )
        )

    def sign_up(
        self,
        *,
        email: str,
        password: str,
        name: str | None = None,
        locale: Literal["en", "fr"] | None = None,
        timeout: float | None = None,
    ) -> Tokens:
        """Sign up.

        Make an account with an e-mail address and a password, and sign it in.

        The first month's free credits are there at once: a tenth of them until the address is confirmed.

        Arguments:
            email: An e-mail address. (3 to 254 characters)
            password: A secret that only its owner knows. (8 to 256 characters)
            name: What they want to be called. (up to 100 characters)
            locale: The language of texts meant for them. Default: `en`.

        Raises: BadRequest, Conflict, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            client.auth.sign_up(
                email="ada@example.com",
                password="correct horse battery",
                name="Ada",
                locale="en",
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/auth/signup",
                reader(types.Tokens),
                body={
                    "email": email,
                    "password": password,
                    "name": name,
                    "locale": locale,
                },
                public=True,
                options=Options(timeout=timeout),
            )
        )


class AsyncAuthAPI:
    """Accounts, tokens and the devices that are signed in."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def log_in(self, *, email: str, password: str, timeout: float | None = None) -> Tokens:
        """Log in.

        Sign a device in. A wrong password and an unknown address are answered alike.

        Arguments:
            email: An e-mail address. (3 to 254 characters)
            password: The account's password. (up to 256 characters)

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            await client.auth.log_in(email="ada@example.com", password="correct horse battery")
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/auth/login",
                reader(types.Tokens),
                body={
                    "email": email,
                    "password": password,
                },
                public=True,
                options=Options(timeout=timeout),
            )
        )

    async def log_out(self, *, timeout: float | None = None) -> None:
        """Log out.

        End this device's session. Its access and refresh tokens stop working at once.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        await self._client._call(Call("POST", "/v1/auth/logout", nothing, options=Options(timeout=timeout)))

    async def refresh(self, *, refresh_token: str, timeout: float | None = None) -> Tokens:
        """Refresh the tokens.

        Change the refresh token for a new pair. It works once; keep the new one.

        If the answer is lost, asking again with the same token within 30 seconds answers the same refresh token. After
        that a used token ends the session, because somebody else may hold its successor.

        Arguments:
            refresh_token: The last one; it works once. (up to 200 characters)

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            await client.auth.refresh(refresh_token="…")
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/auth/refresh",
                reader(types.Tokens),
                body={
                    "refresh_token": refresh_token,
                },
                public=True,
                options=Options(timeout=timeout),
            )
        )

    def sessions(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[Session]:
        """List sessions.

        The devices that are signed in; `current` marks the one that asks.

        Arguments:
            after: Begin behind this id.
            limit: How many at most.
            order: Oldest or newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call(
                "GET",
                "/v1/auth/sessions",
                reader(types.SessionPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=Options(timeout=timeout),
            )
        )

    async def delete_session(self, session: Session | str, *, timeout: float | None = None) -> Deleted:
        """Sign a device out.

        End one session, this device's or another's. Its tokens stop working at once.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call(
                "DELETE",
                path("/v1/auth/sessions/{}", id_of(session)),
                reader(types.Deleted),
                options=Options(timeout=timeout),
            )
        )

    async def sign_up(
        self,
        *,
        email: str,
        password: str,
        name: str | None = None,
        locale: Literal["en", "fr"] | None = None,
        timeout: float | None = None,
    ) -> Tokens:
        """Sign up.

        Make an account with an e-mail address and a password, and sign it in.

        The first month's free credits are there at once: a tenth of them until the address is confirmed.

        Arguments:
            email: An e-mail address. (3 to 254 characters)
            password: A secret that only its owner knows. (8 to 256 characters)
            name: What they want to be called. (up to 100 characters)
            locale: The language of texts meant for them. Default: `en`.

        Raises: BadRequest, Conflict, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            await client.auth.sign_up(
                email="ada@example.com",
                password="correct horse battery",
                name="Ada",
                locale="en",
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/auth/signup",
                reader(types.Tokens),
                body={
                    "email": email,
                    "password": password,
                    "name": name,
                    "locale": locale,
                },
                public=True,
                options=Options(timeout=timeout),
            )
        )
