"""Styles, built in and one's own. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._request import Call, Options, id_of, path, raw, reader
from kinora._request_body import File

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import Deleted, ImageReference, Preset, Upload


class PresetsAPI:
    """Styles, built in and one's own."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> Pages[Preset]:
        """List presets.

        The built-in styles, on the first page and beside its `limit`, then one's own presets.

        Arguments:
            after: Begin behind this id.
            limit: How many at most.
            order: Oldest or newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call(
                "GET",
                "/v1/presets",
                reader(types.PresetPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=Options(timeout=timeout),
            )
        )

    def create(
        self,
        *,
        name: str,
        prompt: str,
        negative_prompt: str | None = None,
        picture: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        shared: bool | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Preset:
        """Create a preset.

        Keep a style: words that are added to a prompt, and a picture whose look clips start from.

        Arguments:
            name: What a person calls it. (up to 100 characters)
            prompt: Words that are added to a prompt. (up to 4,000 characters)
            negative_prompt: Words that are added to a negative prompt. (up to 2,000 characters)
            picture: A picture whose look clips start from.
            shared: Whether whoever has its id may use it. Default: `false`.

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            client.presets.create(
                name="Our brand",
                prompt="flat colours, thick outlines, a teal sky",
                shared=True,
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/presets",
                reader(types.Preset),
                body={
                    "name": name,
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "picture": picture,
                    "shared": shared,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def get(self, preset: Preset | str, *, timeout: float | None = None) -> Preset:
        """Get a preset.

        A built-in one, one's own, or one that somebody shares: whoever has its id may use it.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call("GET", path("/v1/presets/{}", id_of(preset)), reader(types.Preset), options=Options(timeout=timeout))
        )

    def change(
        self,
        preset: Preset | str,
        *,
        name: str | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        shared: bool | None = None,
        timeout: float | None = None,
    ) -> Preset:
        """Change a preset.

        Change one's own preset, or share it. Clips that were made with it stay as they are.

        Arguments:
            name: What a person calls it. (up to 100 characters)
            prompt: Words that are added to a prompt. (up to 4,000 characters)
            negative_prompt: Words that are added to a negative prompt. (up to 2,000 characters)
            shared: Whether whoever has its id may use it.

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            client.presets.change(preset, name="Our brand, 2027")
        """
        return self._client._call(
            Call(
                "PATCH",
                path("/v1/presets/{}", id_of(preset)),
                reader(types.Preset),
                body={
                    "name": name,
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "shared": shared,
                },
                options=Options(timeout=timeout),
            )
        )

    def delete(self, preset: Preset | str, *, timeout: float | None = None) -> Deleted:
        """Delete a preset.

        Forget one's own preset. Clips that were made with it stay as they are.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call(
                "DELETE", path("/v1/presets/{}", id_of(preset)), reader(types.Deleted), options=Options(timeout=timeout)
            )
        )

    def picture(self, preset: Preset | str, *, timeout: float | None = None) -> bytes:
        """Get the picture of a preset.

        The reference picture, as a PNG.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call("GET", path("/v1/presets/{}/picture", id_of(preset)), raw, options=Options(timeout=timeout))
        )


class AsyncPresetsAPI:
    """Styles, built in and one's own."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[Preset]:
        """List presets.

        The built-in styles, on the first page and beside its `limit`, then one's own presets.

        Arguments:
            after: Begin behind this id.
            limit: How many at most.
            order: Oldest or newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call(
                "GET",
                "/v1/presets",
                reader(types.PresetPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=Options(timeout=timeout),
            )
        )

    async def create(
        self,
        *,
        name: str,
        prompt: str,
        negative_prompt: str | None = None,
        picture: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        shared: bool | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Preset:
        """Create a preset.

        Keep a style: words that are added to a prompt, and a picture whose look clips start from.

        Arguments:
            name: What a person calls it. (up to 100 characters)
            prompt: Words that are added to a prompt. (up to 4,000 characters)
            negative_prompt: Words that are added to a negative prompt. (up to 2,000 characters)
            picture: A picture whose look clips start from.
            shared: Whether whoever has its id may use it. Default: `false`.

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            await client.presets.create(
                name="Our brand",
                prompt="flat colours, thick outlines, a teal sky",
                shared=True,
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/presets",
                reader(types.Preset),
                body={
                    "name": name,
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "picture": picture,
                    "shared": shared,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def get(self, preset: Preset | str, *, timeout: float | None = None) -> Preset:
        """Get a preset.

        A built-in one, one's own, or one that somebody shares: whoever has its id may use it.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call("GET", path("/v1/presets/{}", id_of(preset)), reader(types.Preset), options=Options(timeout=timeout))
        )

    async def change(
        self,
        preset: Preset | str,
        *,
        name: str | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        shared: bool | None = None,
        timeout: float | None = None,
    ) -> Preset:
        """Change a preset.

        Change one's own preset, or share it. Clips that were made with it stay as they are.

        Arguments:
            name: What a person calls it. (up to 100 characters)
            prompt: Words that are added to a prompt. (up to 4,000 characters)
            negative_prompt: Words that are added to a negative prompt. (up to 2,000 characters)
            shared: Whether whoever has its id may use it.

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            await client.presets.change(preset, name="Our brand, 2027")
        """
        return await self._client._call(
            Call(
                "PATCH",
                path("/v1/presets/{}", id_of(preset)),
                reader(types.Preset),
                body={
                    "name": name,
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "shared": shared,
                },
                options=Options(timeout=timeout),
            )
        )

    async def delete(self, preset: Preset | str, *, timeout: float | None = None) -> Deleted:
        """Delete a preset.

        Forget one's own preset. Clips that were made with it stay as they are.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call(
                "DELETE", path("/v1/presets/{}", id_of(preset)), reader(types.Deleted), options=Options(timeout=timeout)
            )
        )

    async def picture(self, preset: Preset | str, *, timeout: float | None = None) -> bytes:
        """Get the picture of a preset.

        The reference picture, as a PNG.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call("GET", path("/v1/presets/{}/picture", id_of(preset)), raw, options=Options(timeout=timeout))
        )
