"""For scripts written for OpenAI's Videos API: the names and habits of its client, on a Kinora server.

Moving such a script takes one line, `from kinora.openai import OpenAI` instead of `from openai import OpenAI`; what
Kinora can do besides is there under its own names. Like there, `poll` gives a failed video back instead of raising.
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


class Content:
    """A file in memory, with the ways OpenAI's client has to take it."""

    def __init__(self, data: bytes) -> None:
        self.content = data

    def read(self) -> bytes:
        """All of it."""
        return self.content

    async def aread(self) -> bytes:
        """All of it."""
        return self.content

    def write_to_file(self, file: str | PathLike[str]) -> None:
        """Save it. Raises OSError."""
        Path(file).write_bytes(self.content)


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """What OpenAI's environment names, where Kinora's own says nothing."""
    for name in ("api_key", "base_url"):
        ours, theirs = f"KINORA_{name.upper()}", f"OPENAI_{name.upper()}"
        given[name] = given.get(name) or os.environ.get(ours) or os.environ.get(theirs)
    return given


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as this package takes them: `seconds` as a number, and `extra_body` among the others."""
    given = {**arguments, **(arguments.get("extra_body") or {})}
    given.pop("extra_body", None)
    if given.get("seconds") is not None:
        given["seconds"] = int(given["seconds"])
    return given


class Videos(VideosAPI):
    """`client.videos`, also under OpenAI's names."""

    def create(self, **arguments: Any) -> Video:
        return super().create(**_plain(arguments))

    def retrieve(self, video_id: str) -> Video:
        """`get`, by OpenAI's name."""
        return self.get(video_id)

    def poll(self, video_id: str, *, poll_interval_ms: int | None = None) -> Video:
        """The video once it is done, however it ended. `poll_interval_ms` is not needed: the server says when."""
        try:
            return self.wait(video_id, timeout=None)
        except (VideoFailed, VideoCancelled) as ended:
            return ended.video

    def create_and_poll(self, *, poll_interval_ms: int | None = None, **arguments: Any) -> Video:
        """`create`, then `poll`."""
        return self.poll(self.create(**arguments).id, poll_interval_ms=poll_interval_ms)

    def download_content(self, video_id: str, *, variant: Variant | None = None) -> Content:
        """A rendition in memory; `download` saves it as it comes and goes on after a break."""
        return Content(self.content(video_id, variant=variant))


class AsyncVideos(AsyncVideosAPI):
    """`client.videos`, also under OpenAI's names."""

    async def create(self, **arguments: Any) -> Video:
        return await super().create(**_plain(arguments))

    async def retrieve(self, video_id: str) -> Video:
        """`get`, by OpenAI's name."""
        return await self.get(video_id)

    async def poll(self, video_id: str, *, poll_interval_ms: int | None = None) -> Video:
        """The video once it is done, however it ended. `poll_interval_ms` is not needed: the server says when."""
        try:
            return await self.wait(video_id, timeout=None)
        except (VideoFailed, VideoCancelled) as ended:
            return ended.video

    async def create_and_poll(self, *, poll_interval_ms: int | None = None, **arguments: Any) -> Video:
        """`create`, then `poll`."""
        created = await self.create(**arguments)
        return await self.poll(created.id, poll_interval_ms=poll_interval_ms)

    async def download_content(self, video_id: str, *, variant: Variant | None = None) -> Content:
        """A rendition in memory; `download` saves it as it comes and goes on after a break."""
        return Content(await self.content(video_id, variant=variant))


class OpenAI(Kinora):
    """`openai.OpenAI`, as far as videos and images go. OPENAI_API_KEY and OPENAI_BASE_URL are read too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**_settings(settings))

    @cached_property
    def videos(self) -> Videos:
        """Make, watch, fetch and stop clips."""
        return Videos(self)


class AsyncOpenAI(AsyncKinora):
    """`openai.AsyncOpenAI`, as far as videos and images go. OPENAI_API_KEY and OPENAI_BASE_URL are read too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**_settings(settings))

    @cached_property
    def videos(self) -> AsyncVideos:
        """Make, watch, fetch and stop clips."""
        return AsyncVideos(self)
