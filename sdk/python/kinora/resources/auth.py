"""Accounts, tokens and sessions. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._decoding import decode_nothing, json_decoder
from kinora._request import ApiCall, CallOptions, build_path, resource_id

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import Deleted, Session, Tokens


class AuthAPI:
    """Accounts, tokens and sessions."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def log_in(self, *, email: str, password: str, timeout: float | None = None) -> Tokens:
        """Log in.

        Sign in. A wrong password and an unknown address give the same response.

        Arguments:
            email: E-mail address. (3 to 254 characters)
            password: Password of the account. (up to 256 characters)

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            client.auth.log_in(email="ada@example.com", password="correct horse battery")
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/auth/login",
                json_decoder(types.Tokens),
                body={
                    "email": email,
                    "password": password,
                },
                public=True,
                options=CallOptions(timeout=timeout),
            )
        )

    def log_out(self, *, timeout: float | None = None) -> None:
        """Log out.

        End the current session. Its access and refresh tokens become invalid at once.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        self._client._send(ApiCall("POST", "/v1/auth/logout", decode_nothing, options=CallOptions(timeout=timeout)))

    def refresh(self, *, refresh_token: str, timeout: float | None = None) -> Tokens:
        """Refresh tokens.

        Exchange the refresh token for a new pair of tokens. A refresh token is valid once.

        If the response is lost, sending the same token again within 30 seconds returns the same new refresh token.
        After that, a token that was already used ends the session, because another party may hold its successor.

        Arguments:
            refresh_token: The most recent refresh token; valid once. (up to 200 characters)

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            client.auth.refresh(refresh_token="…")
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/auth/refresh",
                json_decoder(types.Tokens),
                body={
                    "refresh_token": refresh_token,
                },
                public=True,
                options=CallOptions(timeout=timeout),
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

        List the active sessions of the user.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/auth/sessions",
                json_decoder(types.SessionPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    def delete_session(self, session: Session | str, *, timeout: float | None = None) -> Deleted:
        """End a session.

        End any session of the user. Its tokens become invalid at once.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/auth/sessions/{}", resource_id(session)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
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

        Create an account with an e-mail address and a password, and sign in.

        The free credits of the first month are granted at once; until the address is verified, a tenth of them.

        Arguments:
            email: E-mail address. (3 to 254 characters)
            password: Password, 8 to 256 characters. (8 to 256 characters)
            name: Display name. (up to 100 characters)
            locale: Language of texts addressed to the user. Default: `en`.

        Raises: BadRequest, Conflict, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            client.auth.sign_up(
                email="ada@example.com",
                password="correct horse battery",
                name="Ada",
                locale="en",
            )
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/auth/signup",
                json_decoder(types.Tokens),
                body={
                    "email": email,
                    "password": password,
                    "name": name,
                    "locale": locale,
                },
                public=True,
                options=CallOptions(timeout=timeout),
            )
        )


class AsyncAuthAPI:
    """Accounts, tokens and sessions."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def log_in(self, *, email: str, password: str, timeout: float | None = None) -> Tokens:
        """Log in.

        Sign in. A wrong password and an unknown address give the same response.

        Arguments:
            email: E-mail address. (3 to 254 characters)
            password: Password of the account. (up to 256 characters)

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            await client.auth.log_in(email="ada@example.com", password="correct horse battery")
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/auth/login",
                json_decoder(types.Tokens),
                body={
                    "email": email,
                    "password": password,
                },
                public=True,
                options=CallOptions(timeout=timeout),
            )
        )

    async def log_out(self, *, timeout: float | None = None) -> None:
        """Log out.

        End the current session. Its access and refresh tokens become invalid at once.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        await self._client._send(
            ApiCall("POST", "/v1/auth/logout", decode_nothing, options=CallOptions(timeout=timeout))
        )

    async def refresh(self, *, refresh_token: str, timeout: float | None = None) -> Tokens:
        """Refresh tokens.

        Exchange the refresh token for a new pair of tokens. A refresh token is valid once.

        If the response is lost, sending the same token again within 30 seconds returns the same new refresh token.
        After that, a token that was already used ends the session, because another party may hold its successor.

        Arguments:
            refresh_token: The most recent refresh token; valid once. (up to 200 characters)

        Raises: BadRequest, Unauthorized, Forbidden, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            await client.auth.refresh(refresh_token="…")
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/auth/refresh",
                json_decoder(types.Tokens),
                body={
                    "refresh_token": refresh_token,
                },
                public=True,
                options=CallOptions(timeout=timeout),
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

        List the active sessions of the user.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/auth/sessions",
                json_decoder(types.SessionPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    async def delete_session(self, session: Session | str, *, timeout: float | None = None) -> Deleted:
        """End a session.

        End any session of the user. Its tokens become invalid at once.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/auth/sessions/{}", resource_id(session)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
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

        Create an account with an e-mail address and a password, and sign in.

        The free credits of the first month are granted at once; until the address is verified, a tenth of them.

        Arguments:
            email: E-mail address. (3 to 254 characters)
            password: Password, 8 to 256 characters. (8 to 256 characters)
            name: Display name. (up to 100 characters)
            locale: Language of texts addressed to the user. Default: `en`.

        Raises: BadRequest, Conflict, TooLarge, Invalid, RateLimited, ServerError, ConnectionFailed.

        Example:
            await client.auth.sign_up(
                email="ada@example.com",
                password="correct horse battery",
                name="Ada",
                locale="en",
            )
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/auth/signup",
                json_decoder(types.Tokens),
                body={
                    "email": email,
                    "password": password,
                    "name": name,
                    "locale": locale,
                },
                public=True,
                options=CallOptions(timeout=timeout),
            )
        )
