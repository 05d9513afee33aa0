"""Style presets, built in or one's own. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._decoding import decode_bytes, json_decoder
from kinora._files import File
from kinora._request import ApiCall, CallOptions, build_path, resource_id

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import Deleted, ImageReference, Preset, Upload


class PresetsAPI:
    """Style presets, built in or one's own."""

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

        List the user's presets. The first page also contains the built-in ones, which do not count towards `limit`.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/presets",
                json_decoder(types.PresetPage),
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
        prompt: str,
        negative_prompt: str | None = None,
        image: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        shared: bool | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Preset:
        """Create a preset.

        Create a style preset from text and, optionally, a reference image.

        Arguments:
            name: Name of the style. (up to 100 characters)
            prompt: Text added to the prompt. (up to 4,000 characters)
            negative_prompt: Text added to the negative prompt. (up to 2,000 characters)
            image: Reference image for the look of videos.
            shared: Whether other users may use the preset by its id. Default: `false`.

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            client.presets.create(
                name="Our brand",
                prompt="flat colours, thick outlines, a teal sky",
                shared=True,
            )
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/presets",
                json_decoder(types.Preset),
                body={
                    "name": name,
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "image": image,
                    "shared": shared,
                },
                files={
                    "image": "image_url",
                    "image.file": "",
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def get(self, preset: Preset | str, *, timeout: float | None = None) -> Preset:
        """Get a preset.

        Return a preset: a built-in one, one of the user's own, or one shared by another user.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/presets/{}", resource_id(preset)),
                json_decoder(types.Preset),
                options=CallOptions(timeout=timeout),
            )
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
        """Update a preset.

        Change or share one of the user's presets. Existing videos are not affected.

        Arguments:
            name: Name of the style. (up to 100 characters)
            prompt: Text added to the prompt. (up to 4,000 characters)
            negative_prompt: Text added to the negative prompt. (up to 2,000 characters)
            shared: Whether other users may use the preset by its id.

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            client.presets.change(preset, name="Our brand, 2027")
        """
        return self._client._send(
            ApiCall(
                "PATCH",
                build_path("/v1/presets/{}", resource_id(preset)),
                json_decoder(types.Preset),
                body={
                    "name": name,
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "shared": shared,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    def delete(self, preset: Preset | str, *, timeout: float | None = None) -> Deleted:
        """Delete a preset.

        Delete one of the user's presets. Existing videos are not affected.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/presets/{}", resource_id(preset)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
            )
        )

    def image(self, preset: Preset | str, *, timeout: float | None = None) -> bytes:
        """Get the image of a preset.

        Return the reference image, a PNG.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/presets/{}/image", resource_id(preset)),
                decode_bytes,
                options=CallOptions(timeout=timeout),
            )
        )


class AsyncPresetsAPI:
    """Style presets, built in or one's own."""

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

        List the user's presets. The first page also contains the built-in ones, which do not count towards `limit`.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/presets",
                json_decoder(types.PresetPage),
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
        prompt: str,
        negative_prompt: str | None = None,
        image: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        shared: bool | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Preset:
        """Create a preset.

        Create a style preset from text and, optionally, a reference image.

        Arguments:
            name: Name of the style. (up to 100 characters)
            prompt: Text added to the prompt. (up to 4,000 characters)
            negative_prompt: Text added to the negative prompt. (up to 2,000 characters)
            image: Reference image for the look of videos.
            shared: Whether other users may use the preset by its id. Default: `false`.

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            await client.presets.create(
                name="Our brand",
                prompt="flat colours, thick outlines, a teal sky",
                shared=True,
            )
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/presets",
                json_decoder(types.Preset),
                body={
                    "name": name,
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "image": image,
                    "shared": shared,
                },
                files={
                    "image": "image_url",
                    "image.file": "",
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def get(self, preset: Preset | str, *, timeout: float | None = None) -> Preset:
        """Get a preset.

        Return a preset: a built-in one, one of the user's own, or one shared by another user.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/presets/{}", resource_id(preset)),
                json_decoder(types.Preset),
                options=CallOptions(timeout=timeout),
            )
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
        """Update a preset.

        Change or share one of the user's presets. Existing videos are not affected.

        Arguments:
            name: Name of the style. (up to 100 characters)
            prompt: Text added to the prompt. (up to 4,000 characters)
            negative_prompt: Text added to the negative prompt. (up to 2,000 characters)
            shared: Whether other users may use the preset by its id.

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            await client.presets.change(preset, name="Our brand, 2027")
        """
        return await self._client._send(
            ApiCall(
                "PATCH",
                build_path("/v1/presets/{}", resource_id(preset)),
                json_decoder(types.Preset),
                body={
                    "name": name,
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "shared": shared,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    async def delete(self, preset: Preset | str, *, timeout: float | None = None) -> Deleted:
        """Delete a preset.

        Delete one of the user's presets. Existing videos are not affected.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/presets/{}", resource_id(preset)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
            )
        )

    async def image(self, preset: Preset | str, *, timeout: float | None = None) -> bytes:
        """Get the image of a preset.

        Return the reference image, a PNG.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/presets/{}/image", resource_id(preset)),
                decode_bytes,
                options=CallOptions(timeout=timeout),
            )
        )
