"""Generation of images while their request waits."""

from __future__ import annotations

import asyncio
import base64

import msgspec
from msgspec import Struct

from api.errors import Unavailable
from api.idempotency import RequestIdentity
from api.schemas.video_requests import ImageCreate
from api.schemas.videos import TERMINAL_STATUSES, GeneratedImage, ImagesResponse
from api.sql.callers import Caller
from api.sql.connection import Pool
from api.sql.generations import Generation
from api.storage.local import Storage
from api.videos.create import VideoCreator
from api.videos.event_stream import VideoEventStreams
from api.videos.renditions import find_rendition
from api.videos.serializers import VideoSerializer

WAIT = 60.0  # seconds; a client that then asks again by itself is known for as long once more, and waits for the same


class CreatedVideo(Struct, frozen=True):
    """The fields that are read of the answer to a create. One kept for replay may be older than fields of a video."""

    created_at: int
    variations: list[str]


class ImageCreator:
    """Creates images, and answers once they are terminal or after `wait` seconds."""

    def __init__(
        self,
        pool: Pool,
        storage: Storage,
        creator: VideoCreator,
        event_streams: VideoEventStreams,
        serializer: VideoSerializer,
        *,
        wait: float = WAIT,
    ) -> None:
        self._pool = pool
        self._storage = storage
        self._creator = creator
        self._event_streams = event_streams
        self._serializer = serializer
        self._wait = wait

    async def create_images(self, caller: Caller, request: ImageCreate, identity: RequestIdentity) -> ImagesResponse:
        """The images of a request. Raises every kind of problem, and Unavailable for one that is still being made."""
        answer = await self._creator.create(caller, request, identity)
        created = msgspec.json.decode(answer.body, type=CreatedVideo)
        wait = self._event_streams.wait_until_terminal
        rows = await asyncio.gather(*(wait(video_id, caller.user_id, self._wait) for video_id in created.variations))
        inline = request.response_format == "b64_json"
        return ImagesResponse(
            created=created.created_at, data=[await self._to_image(row, inline=inline) for row in rows]
        )

    async def _to_image(self, row: Generation, *, inline: bool) -> GeneratedImage:
        if row.state not in TERMINAL_STATUSES:
            detail = f"The image is still being generated; send the request again, or poll GET /v1/videos/{row.id}."
            raise Unavailable(detail, headers={"Retry-After": "5"})
        rendition = await find_rendition(self._pool, row.id, "poster", row.user_id)
        content = await asyncio.to_thread(self._storage.read_file, rendition.key) if inline else None
        return GeneratedImage(
            id=row.id,
            url=None if inline else self._serializer.to_video(row).assets.poster,
            b64_json=base64.b64encode(content).decode() if content is not None else None,
            revised_prompt=row.revised_prompt or row.prompt,
        )
