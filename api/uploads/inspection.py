"""Inspection of complete uploads: receiving → ready | refused, with the re-encoded file in place of what was sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from api.errors import Invalid, Problem, UnsupportedMediaType
from api.sql import uploads
from api.sql.connection import Database, Pool, transaction
from api.sql.uploads import UploadRow
from api.storage import keys
from api.storage.local import Storage
from api.uploads.availability import require_upload
from api.uploads.ingest import IngestedFile, MediaIngester, detect_kind
from api.uploads.refusals import unsupported_format
from engine.catalog import upload_limits
from engine.catalog.file_signatures import SIGNATURE_BYTES


class UploadInspector:
    """Finds out what files are and records it."""

    def __init__(self, pool: Pool, storage: Storage, ingester: MediaIngester) -> None:
        self._pool = pool
        self._storage = storage
        self._ingester = ingester

    async def inspect_upload(self, row: UploadRow) -> UploadRow:
        """Inspect the upload if it is complete and not inspected yet. The caller holds its file."""
        if row.status != "receiving" or row.received < row.bytes:
            return row
        source = self._storage.file_path(keys.received_key(row.id))
        async with self._ingester.work_folder() as folder:
            try:
                ingested = await self.ingest_file(source, folder, "file")
            except (Invalid, UnsupportedMediaType) as problem:
                row = await self._record_refusal(row, problem)
            else:
                await asyncio.to_thread(self._storage.adopt_file, ingested.file, keys.ingested_key(row.id))
                row = await self._record_ready(row, ingested)
        await asyncio.to_thread(self._storage.remove_folder, keys.received_folder(row.id))
        return row

    async def ingest_file(self, source: Path, folder: Path, field: str) -> IngestedFile:
        """Re-encode a file into `folder`, whatever its name says it is. Raises problems that name the field."""
        try:
            kind = detect_kind(await asyncio.to_thread(_read_signature, source))
            return await self._ingester.ingest_file(kind, source, folder, field)
        except UnsupportedMediaType as problem:
            formats = (*upload_limits.IMAGE_FORMATS, *upload_limits.VIDEO_FORMATS)
            raise unsupported_format("A file", formats, problem.extra.get("format", ""), field) from problem

    async def _record_ready(self, row: UploadRow, ingested: IngestedFile) -> UploadRow:
        async with transaction(self._pool) as db:
            updated = await mark_ready(db, row.id, ingested)
        if updated is None:  # deleted during the inspection: the file adopted since must go too
            await asyncio.to_thread(self._storage.remove_folder, keys.upload_folder(row.id))
        return require_upload(updated, row.id)

    async def _record_refusal(self, row: UploadRow, problem: Problem) -> UploadRow:
        async with transaction(self._pool) as db:
            updated = await uploads.mark_refused(db, row.id, code=problem.code, reason=problem.detail)
            return require_upload(updated, row.id)


async def mark_ready(db: Database, upload_id: str, ingested: IngestedFile) -> UploadRow | None:
    """Record an ingested file; None if the row is gone."""
    return await uploads.mark_ready(
        db,
        upload_id,
        kind="video" if ingested.seconds else "image",
        width=ingested.width,
        height=ingested.height,
        seconds=ingested.seconds or None,
    )


def _read_signature(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SIGNATURE_BYTES)
