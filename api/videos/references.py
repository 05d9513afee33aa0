"""The films and pictures a request names, as they are to be made something of: one's own videos, uploads, and what it
brings.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from api.errors import Invalid, NotFound, Problem, UploadNotReady
from api.schemas.video_requests import ImageReference, ImageSource, VideoReference
from api.sql.connection import Pool
from api.sql.generations import VIDEO_KIND
from api.sql.uploads import Arrival
from api.storage.local import Storage
from api.uploads import store as arrivals
from api.uploads.ingest import Uploads
from api.uploads.store import Arrivals
from api.videos import renditions
from api.videos.library import VideoLibrary
from api.videos.operations import Film
from api.videos.spec import Footage, Reference

NAMED = ("id", "file", "video_url")
PICTURED = ("file_id", "file", "image_url")


class Sources:
    """Finds films and pictures for a user."""

    def __init__(
        self, pool: Pool, storage: Storage, library: VideoLibrary, uploads: Uploads, arrivals: Arrivals
    ) -> None:
        self._pool = pool
        self._storage = storage
        self._library = library
        self._uploads = uploads
        self._arrivals = arrivals

    async def picture(self, look: ImageSource, user_id: str, field: str) -> bytes:
        """The picture as a PNG. Raises what `found` does, each naming the field."""
        named = ImageReference(file_id=look) if isinstance(look, str) else look
        if sum(getattr(named, name) is not None for name in PICTURED) != 1:
            raise Invalid(f"`{field}` takes the id of one of your uploads, a file, or a data: URL.", param=field)
        if named.file_id is None:
            return await self._uploads.picture(named, field)
        named_in = field if isinstance(look, str) else f"{field}.file_id"
        row = await self._upload(named.file_id, user_id, named_in)
        if row.kind != "image":
            raise Invalid(f"{row.id} is a video, and `{field}` takes an image.", param=named_in)
        try:
            return await asyncio.to_thread(self._storage.read, arrivals.read_key(row.id))
        except FileNotFoundError as error:  # it was deleted since it was found
            raise NotFound(f"{row.id} was deleted.", param=named_in) from error

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
            detail = f"`{reference.field}` takes the id of one of your videos or uploads, a file, or a data: URL."
            raise Invalid(detail, param=reference.field)
        if named.id is None:
            upload = await self._uploads.film(named, folder, reference.field)
            return Footage(Film(upload.file, upload.seconds), upload.width, upload.height)
        if named.id.startswith(f"{arrivals.KIND}_"):
            return await self._film(named.id, user_id, reference.field)
        try:
            return await self._video(named.id, user_id)
        except Problem as problem:
            problem.param = reference.field
            raise

    async def _video(self, video_id: str, user_id: str) -> Footage:
        row = await self._library.get(video_id, user_id)
        if row.kind != VIDEO_KIND:
            detail = "This is an image, and a video is needed. Send it as `first_frame` of a new video instead."
            raise Invalid(detail, param="video")
        rendition = await renditions.find(self._pool, video_id, "video", user_id)
        said = row.revised_prompt or row.prompt
        film = Film(self._storage.path(rendition.key), row.seconds)
        return Footage(film, row.width, row.height, id=row.id, model=row.model, prompt=row.prompt, said=said)

    async def _film(self, upload_id: str, user_id: str, field: str) -> Footage:
        row = await self._upload(upload_id, user_id, field)
        if row.kind != "video":
            raise Invalid(f"{row.id} is an image, and `{field}` takes a video.", param=field)
        film = Film(self._storage.path(arrivals.read_key(row.id)), row.seconds or 0.0)
        return Footage(film, row.width or 0, row.height or 0)

    async def _upload(self, upload_id: str, user_id: str, field: str) -> Arrival:
        """An upload that can be used. Raises problems that name the field."""
        try:
            row = await self._arrivals.get(upload_id, user_id)
        except Problem as problem:
            problem.param = field
            raise
        if row.status == "refused":
            raise Invalid(f"{row.id} cannot be used. {row.reason}", param=field)
        if row.status == "receiving":
            detail = f"{row.id} is not ready: {row.received} of its {row.bytes} bytes have come."
            raise UploadNotReady(detail, param=field, headers={"Retry-After": "1"})
        return row
