"""Make pictures. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._request import Call, Options, reader

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora.types import Lora, Pictures


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
    ) -> Pictures:
        """Create pictures.

        Make pictures and answer once they are there: JPEGs, which stand among one's videos as `kind: image`.

        Arguments:
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            model: The model that makes it; without one, the first that can. (up to 200 characters)
            size: Width x height in pixels.
            response_format: How the pictures come back. Default: `url`.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.images.generate(prompt="a red ball over green hills", n=1, response_format="url")
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/images/generations",
                reader(types.Pictures),
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
    ) -> Pictures:
        """Create pictures.

        Make pictures and answer once they are there: JPEGs, which stand among one's videos as `kind: image`.

        Arguments:
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            model: The model that makes it; without one, the first that can. (up to 200 characters)
            size: Width x height in pixels.
            response_format: How the pictures come back. Default: `url`.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.images.generate(prompt="a red ball over green hills", n=1, response_format="url")
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/images/generations",
                reader(types.Pictures),
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
