"""Copies the images and videos that a clip is made from into storage, before the rows that name them exist."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from api.sql import maintenance
from api.sql.connection import Pool
from api.sql.generations import ImageInputRow, VideoInputRow
from api.storage.cleanup import remove_unnamed_files
from api.storage.keys import INPUTS
from api.storage.local import Storage
from api.videos.availability import video_not_found
from api.videos.quote import Quote
from api.videos.spec import SourceVideo


class ClipInputs(NamedTuple):
    """The rows of a clip's inputs."""

    images: list[ImageInputRow]
    videos: list[VideoInputRow]


class InputStore:
    """Copies inputs into storage, once for all variations, which then link to them."""

    def __init__(self, pool: Pool, storage: Storage) -> None:
        self._pool = pool
        self._storage = storage

    @asynccontextmanager
    async def store_inputs(
        self, video_ids: list[str], quote: Quote, images: list[bytes]
    ) -> AsyncIterator[list[ClipInputs]]:
        """The inputs of each video. Those of a video that has no row when the block is left are removed."""
        async with remove_unnamed_files(self._storage, INPUTS, video_ids, self._find_named):
            stored: list[ClipInputs] = []
            for video_id in video_ids:
                image_rows = await self._store_images(video_id, quote, images, stored[0].images if stored else None)
                stored.append(ClipInputs(image_rows, await self._link_videos(video_id, quote.sources)))
            yield stored

    async def _find_named(self, video_ids: list[str]) -> set[str]:
        async with self._pool.acquire() as db:
            return await maintenance.filter_unpurged(db, video_ids)

    async def _store_images(
        self, video_id: str, quote: Quote, images: list[bytes], first: list[ImageInputRow] | None
    ) -> list[ImageInputRow]:
        rows = []
        for number, (image, (frame, strength)) in enumerate(zip(images, quote.keyframes, strict=False)):
            key = f"{INPUTS}/{video_id}/{number}.png"
            if first is None:
                await asyncio.to_thread(self._storage.write_file, key, image)
            else:
                await asyncio.to_thread(self._storage.link_file, self._storage.file_path(first[number].key), key)
            rows.append(ImageInputRow(key=key, frame=frame, strength=strength, resize=quote.spec.resize))
        return rows

    async def _link_videos(self, video_id: str, sources: tuple[SourceVideo, ...]) -> list[VideoInputRow]:
        rows = []
        for number, source in enumerate(sources):
            key = f"{INPUTS}/{video_id}/{number}.mp4"
            try:
                await asyncio.to_thread(self._storage.link_file, source.file.path, key)
            except FileNotFoundError as error:  # deleted since it was resolved
                raise video_not_found(source.id or "") from error
            rows.append(VideoInputRow(key=key, seconds=source.file.seconds))
        return rows
