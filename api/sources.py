"""The films a request names, as files that are there to be made something of: one's own videos, and what it brings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from api import media
from api.db import Pool
from api.drafts import Footage, Reference
from api.errors import Invalid, Problem
from api.inputs import VideoReference
from api.storage import Storage
from api.studio import Film
from api.uploads import Uploads
from api.videos import KIND, Videos

NAMED = ("id", "file", "video_url")


class Sources:
    """Finds films for a user."""

    def __init__(self, pool: Pool, storage: Storage, videos: Videos, uploads: Uploads) -> None:
        self._pool = pool
        self._storage = storage
        self._videos = videos
        self._uploads = uploads

    @asynccontextmanager
    async def found(self, references: Sequence[Reference], user_id: str) -> AsyncIterator[list[Footage]]:
        """What the references name, in their order; uploads go when the block is left.

        Raises Invalid, NotFound, Expired, Conflict, PayloadTooLarge and UnsupportedMediaType, each naming the field.
        """
        if not references:
            yield []
            return
        async with self._uploads.folder() as folder:
            yield [await self._one(reference, user_id, folder) for reference in references]

    async def _one(self, reference: Reference, user_id: str, folder: Path) -> Footage:
        source = reference.source
        named = VideoReference(id=source) if isinstance(source, str) else source
        if sum(getattr(named, name) is not None for name in NAMED) != 1:
            detail = f"`{reference.field}` takes the id of one of your videos, a file, or a data: URL."
            raise Invalid(detail, param=reference.field)
        if named.id is None:
            upload = await self._uploads.film(named, folder, reference.field)
            return Footage(Film(upload.file, upload.seconds), upload.width, upload.height)
        try:
            return await self._video(named.id, user_id)
        except Problem as problem:
            problem.param = reference.field
            raise

    async def _video(self, video_id: str, user_id: str) -> Footage:
        row = await self._videos.get(video_id, user_id)
        if row.kind != KIND:
            detail = "This is a picture; films are made from films. Send it as `first_frame` of a new video instead."
            raise Invalid(detail, param="video")
        rendition = await media.find(self._pool, video_id, "video", user_id)
        said = row.revised_prompt or row.prompt
        film = Film(self._storage.path(rendition.key), row.seconds)
        return Footage(film, row.width, row.height, id=row.id, model=row.model, prompt=row.prompt, said=said)
