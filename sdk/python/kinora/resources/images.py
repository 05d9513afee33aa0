"""Generate images. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._decoding import json_decoder
from kinora._request import ApiCall, CallOptions

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora.types import ImagesResponse, Lora


class ImagesAPI:
    """Generate images."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def generate(
        self,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        size: str | None = None,
        response_format: Literal["url", "b64_json"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> ImagesResponse:
        """Create images.

        Generate images and return them once they are finished, as JPEGs. They are listed as videos of kind `image`.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            model: Model to use. Default: the first that supports the operation. (up to 200 characters)
            size: Width x height in pixels, for example `1280x720`.
            response_format: Whether images are returned as a URL or in base 64. Default: `url`.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.images.generate(prompt="a red ball over green hills", n=1, response_format="url")
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/images/generations",
                json_decoder(types.ImagesResponse),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "model": model,
                    "size": size,
                    "response_format": response_format,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )


class AsyncImagesAPI:
    """Generate images."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def generate(
        self,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        size: str | None = None,
        response_format: Literal["url", "b64_json"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> ImagesResponse:
        """Create images.

        Generate images and return them once they are finished, as JPEGs. They are listed as videos of kind `image`.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            model: Model to use. Default: the first that supports the operation. (up to 200 characters)
            size: Width x height in pixels, for example `1280x720`.
            response_format: Whether images are returned as a URL or in base 64. Default: `url`.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.images.generate(prompt="a red ball over green hills", n=1, response_format="url")
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/images/generations",
                json_decoder(types.ImagesResponse),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "model": model,
                    "size": size,
                    "response_format": response_format,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )
