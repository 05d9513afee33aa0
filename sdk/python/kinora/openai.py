"""A client with the names of OpenAI's, for scripts written for its Videos API.

Moving such a script takes one line, `from kinora.openai import OpenAI` instead of `from openai import OpenAI`; what
Kinora offers beyond that has its own names. As with OpenAI, `poll` returns a failed video instead of raising.
"""

from __future__ import annotations

import os
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kinora._client import AsyncKinora, Kinora
from kinora._errors import APIError, VideoCancelled, VideoFailed
from kinora._errors import APIError as APIStatusError
from kinora._errors import BadRequest as BadRequestError
from kinora._errors import Conflict as ConflictError
from kinora._errors import ConnectionFailed as APIConnectionError
from kinora._errors import Forbidden as PermissionDeniedError
from kinora._errors import Invalid as UnprocessableEntityError
from kinora._errors import KinoraError as OpenAIError
from kinora._errors import NotFound as NotFoundError
from kinora._errors import RateLimited as RateLimitError
from kinora._errors import ServerError as InternalServerError
from kinora._errors import TimedOut as APITimeoutError
from kinora._errors import Unauthorized as AuthenticationError
from kinora._output_file import write_output
from kinora.resources.videos import AsyncVideosAPI, VideosAPI

if TYPE_CHECKING:
    from kinora.types import Video

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncOpenAI",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "InternalServerError",
    "NotFoundError",
    "OpenAI",
    "OpenAIError",
    "PermissionDeniedError",
    "RateLimitError",
    "UnprocessableEntityError",
]

Variant = Literal["video", "thumbnail", "spritesheet"]


class DownloadedContent:
    """A file in memory, with the methods of OpenAI's binary response."""

    def __init__(self, data: bytes) -> None:
        self.content = data

    def read(self) -> bytes:
        """The whole content."""
        return self.content

    async def aread(self) -> bytes:
        """The whole content."""
        return self.content

    def write_to_file(self, file: str | PathLike[str]) -> None:
        """Save the content. Raises OSError."""
        write_output(Path(file), self.content)


def _with_openai_environment(settings: dict[str, Any]) -> dict[str, Any]:
    """Fill in API key and base URL from KINORA_*, else from OPENAI_*."""
    for name in ("api_key", "base_url"):
        from_environment = os.environ.get(f"KINORA_{name.upper()}") or os.environ.get(f"OPENAI_{name.upper()}")
        settings[name] = settings.get(name) or from_environment
    return settings


def _to_kinora_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as Kinora takes them: `seconds` as a number, the fields of `extra_body` beside the others."""
    converted = {**arguments, **(arguments.get("extra_body") or {})}
    converted.pop("extra_body", None)
    if converted.get("seconds") is not None:
        converted["seconds"] = int(converted["seconds"])
    return converted


class OpenAIVideos(VideosAPI):
    """`client.videos` with OpenAI's method names as well."""

    def create(self, **arguments: Any) -> Video:
        return super().create(**_to_kinora_arguments(arguments))

    def retrieve(self, video_id: str) -> Video:
        """`get` by OpenAI's name."""
        return self.get(video_id)

    def poll(self, video_id: str, *, poll_interval_ms: int | None = None) -> Video:
        """Wait until a video is done, also if it failed. `poll_interval_ms` is ignored: the server sets the pace."""
        try:
            return self.wait(video_id, timeout=None)
        except (VideoFailed, VideoCancelled) as error:
            return error.video

    def create_and_poll(self, *, poll_interval_ms: int | None = None, **arguments: Any) -> Video:
        """`create`, then `poll`."""
        return self.poll(self.create(**arguments).id, poll_interval_ms=poll_interval_ms)

    def download_content(self, video_id: str, *, variant: Variant | None = None) -> DownloadedContent:
        """A rendition in memory; `download` saves it to a file and resumes after a broken connection."""
        return DownloadedContent(self.content(video_id, variant=variant))


class AsyncOpenAIVideos(AsyncVideosAPI):
    """`client.videos` with OpenAI's method names as well."""

    async def create(self, **arguments: Any) -> Video:
        return await super().create(**_to_kinora_arguments(arguments))

    async def retrieve(self, video_id: str) -> Video:
        """`get` by OpenAI's name."""
        return await self.get(video_id)

    async def poll(self, video_id: str, *, poll_interval_ms: int | None = None) -> Video:
        """Wait until a video is done, also if it failed. `poll_interval_ms` is ignored: the server sets the pace."""
        try:
            return await self.wait(video_id, timeout=None)
        except (VideoFailed, VideoCancelled) as error:
            return error.video

    async def create_and_poll(self, *, poll_interval_ms: int | None = None, **arguments: Any) -> Video:
        """`create`, then `poll`."""
        created = await self.create(**arguments)
        return await self.poll(created.id, poll_interval_ms=poll_interval_ms)

    async def download_content(self, video_id: str, *, variant: Variant | None = None) -> DownloadedContent:
        """A rendition in memory; `download` saves it to a file and resumes after a broken connection."""
        return DownloadedContent(await self.content(video_id, variant=variant))


class OpenAI(Kinora):
    """`openai.OpenAI`, for videos and images. OPENAI_API_KEY and OPENAI_BASE_URL are read too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**_with_openai_environment(settings))

    @cached_property
    def videos(self) -> OpenAIVideos:
        """Create, watch, download and cancel videos."""
        return OpenAIVideos(self)


class AsyncOpenAI(AsyncKinora):
    """`openai.AsyncOpenAI`, for videos and images. OPENAI_API_KEY and OPENAI_BASE_URL are read too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**_with_openai_environment(settings))

    @cached_property
    def videos(self) -> AsyncOpenAIVideos:
        """Create, watch, download and cancel videos."""
        return AsyncOpenAIVideos(self)
