"""The videos and images that a request names, resolved: the user's own videos, uploads, and files sent along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from api.errors import Invalid, NotFound, Problem, UploadNotReady
from api.ids import UPLOAD
from api.schemas.video_requests import ImageReference, ImageSource, VideoReference, VideoSource
from api.sql.connection import Pool
from api.sql.generations import VIDEO_KIND
from api.sql.uploads import UploadRow
from api.storage.keys import ingested_key
from api.storage.local import Storage
from api.uploads.data_url import is_address
from api.uploads.ingest import MediaIngester
from api.uploads.store import UploadStore
from api.videos import renditions
from api.videos.library import VideoLibrary
from api.videos.operations import VideoFile
from api.videos.spec import SourceReference, SourceVideo

VIDEO_FORMS = ("id", "file", "video_url")
IMAGE_FORMS = ("file_id", "file", "image_url")


class ReferenceResolver:
    """Resolves references on behalf of a user."""

    def __init__(
        self, pool: Pool, storage: Storage, library: VideoLibrary, uploads: MediaIngester, upload_store: UploadStore
    ) -> None:
        self._pool = pool
        self._storage = storage
        self._library = library
        self._uploads = uploads
        self._upload_store = upload_store

    async def read_image(self, source: ImageSource, user_id: str, field: str) -> bytes:
        """The image as a PNG. Raises what `open_sources` does, each naming the field."""
        reference = _image_reference(source)
        if sum(getattr(reference, form) is not None for form in IMAGE_FORMS) != 1:
            raise Invalid(f"`{field}` takes the id of one of your uploads, a file, or a data: URL.", param=field)
        if reference.file_id is None:
            url_field = field if isinstance(source, str) else f"{field}.image_url"
            return await self._uploads.ingest_image(reference, field, url_field)
        id_field = field if isinstance(source, str) else f"{field}.file_id"
        return await self._read_uploaded_image(reference.file_id, user_id, id_field)

    async def _read_uploaded_image(self, upload_id: str, user_id: str, field: str) -> bytes:
        row = await self._require_upload(upload_id, user_id, field)
        if row.kind != "image":
            raise Invalid(f"{row.id} is a video, and `{field}` takes an image.", param=field)
        try:
            return await asyncio.to_thread(self._storage.read_file, ingested_key(row.id))
        except FileNotFoundError as error:  # deleted since its row was read
            raise NotFound(f"{row.id} was deleted.", param=field) from error

    @asynccontextmanager
    async def open_sources(
        self, references: Sequence[SourceReference], user_id: str
    ) -> AsyncIterator[list[SourceVideo]]:
        """The videos that the references name, in their order. Files sent along are removed when the block is left.

        Raises Invalid, NotFound, Expired, Conflict, PayloadTooLarge and UnsupportedMediaType, each naming the field.
        """
        if not references:
            yield []
            return
        async with self._uploads.work_folder() as folder:
            yield [await self._resolve_source(reference, user_id, folder) for reference in references]

    async def _resolve_source(self, reference: SourceReference, user_id: str, folder: Path) -> SourceVideo:
        source, field = reference.source, reference.field
        named = _video_reference(source)
        if sum(getattr(named, form) is not None for form in VIDEO_FORMS) != 1:
            detail = f"`{field}` takes the id of one of your videos or uploads, a file, or a data: URL."
            raise Invalid(detail, param=field)
        if named.id is None:
            url_field = field if isinstance(source, str) else f"{field}.video_url"
            upload = await self._uploads.ingest_video(named, folder, field, url_field)
            return SourceVideo(VideoFile(upload.file, upload.seconds), upload.width, upload.height)
        if named.id.startswith(f"{UPLOAD}_"):
            return await self._resolve_upload(named.id, user_id, field)
        try:
            return await self._resolve_video(named.id, user_id)
        except Problem as problem:
            problem.param = field
            raise

    async def _resolve_video(self, video_id: str, user_id: str) -> SourceVideo:
        row = await self._library.get(video_id, user_id)
        if row.kind != VIDEO_KIND:
            detail = "This is an image, and a video is needed. Send it as `first_frame` of a new video instead."
            raise Invalid(detail, param="video")
        rendition = await renditions.find_rendition(self._pool, video_id, "video", user_id)
        return SourceVideo(
            VideoFile(self._storage.file_path(rendition.key), row.seconds),
            row.width,
            row.height,
            id=row.id,
            model=row.model,
            prompt=row.prompt,
            styled_prompt=row.revised_prompt or row.prompt,
        )

    async def _resolve_upload(self, upload_id: str, user_id: str, field: str) -> SourceVideo:
        row = await self._require_upload(upload_id, user_id, field)
        if row.kind != "video":
            raise Invalid(f"{row.id} is an image, and `{field}` takes a video.", param=field)
        file = VideoFile(self._storage.file_path(ingested_key(row.id)), row.seconds or 0.0)
        return SourceVideo(file, row.width or 0, row.height or 0)

    async def _require_upload(self, upload_id: str, user_id: str, field: str) -> UploadRow:
        """An upload that can be used. Raises problems that name the field."""
        try:
            row = await self._upload_store.inspect_upload(upload_id, user_id)
        except Problem as problem:
            problem.param = field
            raise
        if row.status == "refused":
            raise Invalid(f"{row.id} cannot be used. {row.reason}", param=field)
        if row.status == "receiving":
            detail = f"{row.id} is not ready: {row.received} of its {row.bytes} bytes have arrived."
            raise UploadNotReady(detail, param=field, headers={"Retry-After": "1"})
        return row


def _image_reference(source: ImageSource) -> ImageReference:
    """What the source names: a string is an id, or a `data:` URL."""
    if not isinstance(source, str):
        return source
    return ImageReference(image_url=source) if is_address(source) else ImageReference(file_id=source)


def _video_reference(source: VideoSource) -> VideoReference:
    """What the source names: a string is an id, or a `data:` URL."""
    if not isinstance(source, str):
        return source
    return VideoReference(video_url=source) if is_address(source) else VideoReference(id=source)
