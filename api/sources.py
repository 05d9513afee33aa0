"""The films a request names: one's own videos by id, as files that are there to be made something of."""

from __future__ import annotations

from collections.abc import Sequence

from api import media
from api.db import Pool
from api.drafts import Footage, Reference
from api.errors import Invalid, Problem
from api.inputs import VideoReference
from api.storage import Storage
from api.studio import Film
from api.videos import Videos


class Sources:
    """Finds films for a user."""

    def __init__(self, pool: Pool, storage: Storage, videos: Videos) -> None:
        self._pool = pool
        self._storage = storage
        self._videos = videos

    async def find(self, references: Sequence[Reference], user_id: str) -> list[Footage]:
        """What the references name, in their order.

        Raises Invalid, NotFound, Expired and Conflict, each naming the field.
        """
        return [await self._one(reference, user_id) for reference in references]

    async def _one(self, reference: Reference, user_id: str) -> Footage:
        source = reference.source
        named = VideoReference(id=source) if isinstance(source, str) else source
        if named.id is None:
            detail = f"`{reference.field}` takes the id of one of your videos; films sent in are not read here yet."
            raise Invalid(detail, param=reference.field)
        try:
            return await self._video(named.id, user_id)
        except Problem as problem:
            problem.param = reference.field
            raise

    async def _video(self, video_id: str, user_id: str) -> Footage:
        row = await self._videos.get(video_id, user_id)
        rendition = await media.find(self._pool, video_id, "video", user_id)
        return Footage(
            film=Film(self._storage.path(rendition.key), row.seconds),
            size=f"{row.width}x{row.height}",
            id=row.id,
            model=row.model,
            prompt=row.prompt,
        )
