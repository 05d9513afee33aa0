"""Make pictures. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._calls import Call, Options, reader

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora.types import Images, Lora


class ImagesAPI:
    """Make pictures."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def generate(
        self,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["full", "turbo"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "public", "unlisted"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        size: str | None = None,
        response_format: Literal["b64_json", "url"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Images:
        """Create pictures.

        Make pictures and answer once they are there: JPEGs, which stand among one's videos as `kind: image`.

        Arguments:
            prompt: (up to 32,000 characters)
            negative_prompt: (up to 8,000 characters)
            seed: (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. (1 to 4; default 1)
            quality: (default "full")
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: (default "private")
            model: (up to 200 characters)
            size: Width x height in pixels.
            response_format: (default "url")

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.images.generate(prompt="a red ball over green hills", n=1, response_format="url")
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/images/generations",
                reader(types.Images),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "prompt": prompt,
                    "model": model,
                    "size": size,
                    "response_format": response_format,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )


class AsyncImagesAPI:
    """Make pictures."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def generate(
        self,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["full", "turbo"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "public", "unlisted"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        size: str | None = None,
        response_format: Literal["b64_json", "url"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Images:
        """Create pictures.

        Make pictures and answer once they are there: JPEGs, which stand among one's videos as `kind: image`.

        Arguments:
            prompt: (up to 32,000 characters)
            negative_prompt: (up to 8,000 characters)
            seed: (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. (1 to 4; default 1)
            quality: (default "full")
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: (default "private")
            model: (up to 200 characters)
            size: Width x height in pixels.
            response_format: (default "url")

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.images.generate(prompt="a red ball over green hills", n=1, response_format="url")
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/images/generations",
                reader(types.Images),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "prompt": prompt,
                    "model": model,
                    "size": size,
                    "response_format": response_format,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )
