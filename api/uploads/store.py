"""Uploads that precede the request that uses them, whole or in parts: receiving → ready | refused.

The row says how many bytes of a file count, and it advances only after they are durable; what a crash leaves in the
file beyond that is overwritten. One request at a time writes to a file, under a lock that dies with its process. A
complete file is inspected by the request that brought its last byte or, if that died, by the next that reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from api import idempotency, ids
from api.errors import Locked, Malformed, PayloadTooLarge, UploadLimit, WrongOffset
from api.idempotency import RequestIdentity
from api.settings import Settings
from api.sql import uploads
from api.sql.connection import Database, Pool, transaction
from api.sql.idempotency import StoredAnswer
from api.sql.uploads import UploadRow
from api.storage import keys
from api.storage.cleanup import remove_unnamed_files
from api.storage.disk_space import refuse_full_disk
from api.storage.local import Storage
from api.uploads.availability import find_available, require_upload, upload_not_found
from api.uploads.ingest import MediaIngester
from api.uploads.inspection import UploadInspector, mark_ready
from api.uploads.tus import Creation, display_filename


class UploadLimits(NamedTuple):
    """What one user may store at once, and how received bytes are written."""

    files: int = 50
    files_of_largest_size: int = 20  # all of a user's uploads together are at most so many times the largest upload
    flush_bytes: int = 4 * 2**20  # held in memory before they are made durable
    lifetime: float = 24 * 3600.0  # seconds


class UploadStore:
    """Creates, receives, finds and deletes uploads."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        storage: Storage,
        ingester: MediaIngester,
        limits: UploadLimits | None = None,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._storage = storage
        self._ingester = ingester
        self._limits = limits or UploadLimits()
        self._inspector = UploadInspector(pool, storage, ingester)

    async def create_upload(self, creation: Creation, identity: RequestIdentity) -> UploadRow:
        """Create an upload that will come in parts. Repeated under one Idempotency-Key, it returns the first.

        Raises PayloadTooLarge, UploadLimit, Unavailable, RequestInProgress, IdempotencyKeyReused.
        """
        self._refuse_large_or_full(creation.bytes, "Upload-Length")
        async with transaction(self._pool) as db:

            async def create() -> StoredAnswer:
                row = await self._insert_upload(db, ids.new_id(ids.UPLOAD), identity.user_id, creation)
                return _created_answer(row, identity.fingerprint)

            outcome = await idempotency.answer_once(db, identity, create)
            return await find_available(db, outcome.answer.body.decode(), identity.user_id)

    async def store_file(self, name: str, content: bytes, field: str, identity: RequestIdentity) -> UploadRow:
        """Store a file that came whole, after inspecting it; nothing is stored of one that cannot be used.

        `field` is the form field it came in, for errors. Raises Invalid, PayloadTooLarge, UnsupportedMediaType and
        what `create_upload` does.
        """
        self._refuse_large_or_full(len(content), field)
        creation, upload_id = Creation(len(content), "", display_filename(name)), ids.new_id(ids.UPLOAD)
        async with remove_unnamed_files(self._storage, keys.UPLOADS, [upload_id], self._find_existing):
            async with self._ingester.work_folder() as folder:
                source = folder / "upload"
                await asyncio.to_thread(source.write_bytes, content)
                ingested = await self._inspector.ingest_file(source, folder, field)
                await asyncio.to_thread(self._storage.adopt_file, ingested.file, keys.ingested_key(upload_id))
            async with transaction(self._pool) as db:

                async def create() -> StoredAnswer:
                    row = await self._insert_upload(db, upload_id, identity.user_id, creation)
                    ready = require_upload(await mark_ready(db, row.id, ingested), row.id)
                    return _created_answer(ready, identity.fingerprint)

                outcome = await idempotency.answer_once(db, identity, create)
                return await find_available(db, outcome.answer.body.decode(), identity.user_id)

    async def append_bytes(
        self, upload_id: str, user_id: str, offset: int, length: int | None, chunks: AsyncIterator[bytes]
    ) -> UploadRow:
        """Append the bytes from `offset` on (`length` of them, if that is known), and inspect a complete file.

        Raises NotFound, Expired, WrongOffset, PayloadTooLarge, Locked, and Malformed where the body breaks off; what
        came until then is kept.
        """
        _check_offset(await self.find_upload(upload_id, user_id), offset, length)
        async with self._hold_file(upload_id) as file:
            row = await self.find_upload(upload_id, user_id)  # again, now that nobody else can change it
            _check_offset(row, offset, length)
            if row.status == "receiving":
                row = await self._receive_chunks(row, file, chunks)
            return await self._inspector.inspect_upload(row)

    async def find_upload(self, upload_id: str, user_id: str) -> UploadRow:
        """One of the user's uploads as it stands. Raises NotFound, Expired."""
        async with self._pool.acquire() as db:
            return await find_available(db, upload_id, user_id)

    async def inspect_upload(self, upload_id: str, user_id: str) -> UploadRow:
        """One of the user's uploads, inspected now if it is complete and the request that completed it died.

        Raises NotFound, Expired.
        """
        row = await self.find_upload(upload_id, user_id)
        if row.status == "receiving" and row.received == row.bytes:
            with suppress(Locked):  # another request is inspecting it
                async with self._hold_file(row.id):
                    row = await self._inspector.inspect_upload(await self.find_upload(upload_id, user_id))
        return row

    async def list_uploads(self, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[UploadRow]:
        """A page of the user's uploads."""
        async with self._pool.acquire() as db:
            return await uploads.list_uploads(db, user_id, after, limit, descending=descending)

    async def delete_upload(self, upload_id: str, user_id: str) -> None:
        """Delete an upload; videos made from it have copies of what they need. Raises NotFound."""
        async with transaction(self._pool) as db:
            if not ids.is_valid_id(upload_id, ids.UPLOAD) or not await uploads.delete_upload(db, upload_id, user_id):
                raise upload_not_found(upload_id)
        await asyncio.to_thread(self._storage.remove_folder, keys.upload_folder(upload_id))

    def _refuse_large_or_full(self, size: int, field: str) -> None:
        self._ingester.check_size(size, "file", field)
        refuse_full_disk(self._storage, self._settings.full_disk, "no upload is accepted just now")

    async def _insert_upload(self, db: Database, upload_id: str, user_id: str, creation: Creation) -> UploadRow:
        """Insert the row within the user's limits. Raises UploadLimit."""
        usage, limits = await uploads.lock_usage(db, user_id), self._limits
        total = limits.files_of_largest_size * self._settings.max_upload
        if usage.files >= limits.files:
            raise UploadLimit(f"You may have {limits.files} uploads at once; delete one first.", limit=limits.files)
        if usage.bytes + creation.bytes > total:
            detail = f"Your uploads may have {total} bytes together, and there are {usage.bytes}; delete one first."
            raise UploadLimit(detail, limit=total)
        return await uploads.insert_upload(
            db,
            id=upload_id,
            user_id=user_id,
            filename=creation.filename,
            metadata=creation.metadata,
            bytes=creation.bytes,
            lifetime=limits.lifetime,
        )

    async def _find_existing(self, upload_ids: list[str]) -> set[str]:
        async with self._pool.acquire() as db:
            return await uploads.filter_existing(db, upload_ids)

    @asynccontextmanager
    async def _hold_file(self, upload_id: str) -> AsyncIterator[int]:
        """The received file's descriptor, with nobody else writing to it. Raises Locked."""
        try:
            file = await asyncio.to_thread(self._storage.lock_file, keys.received_key(upload_id))
        except BlockingIOError as error:
            detail = "Another request is writing to this upload; get its offset with HEAD and continue from there."
            raise Locked(detail, headers={"Retry-After": "5"}) from error
        try:
            yield file
        finally:
            self._storage.unlock_file(file)

    async def _receive_chunks(self, row: UploadRow, file: int, chunks: AsyncIterator[bytes]) -> UploadRow:
        buffer = bytearray()
        try:
            async for chunk in chunks:
                if row.received + len(buffer) + len(chunk) > row.bytes:
                    raise _beyond_length(row)
                buffer += chunk
                if len(buffer) >= self._limits.flush_bytes:
                    row = await self._flush_bytes(row, file, buffer)
                    buffer.clear()
        except Malformed:
            await self._flush_bytes(row, file, buffer)
            raise
        return await self._flush_bytes(row, file, buffer)

    async def _flush_bytes(self, row: UploadRow, file: int, content: bytearray) -> UploadRow:
        """Make the bytes durable, then advance the row. Raises NotFound if it was deleted meanwhile."""
        if not content:
            return row
        await asyncio.to_thread(self._storage.write_at, file, row.received, bytes(content))
        async with transaction(self._pool) as db:
            advanced = await uploads.advance_received(db, row.id, row.received, row.received + len(content))
            return require_upload(advanced, row.id)


def _created_answer(row: UploadRow, fingerprint: bytes) -> StoredAnswer:
    """What is stored for replay: the id of the upload."""
    return StoredAnswer(fingerprint=fingerprint, status=201, headers={}, body=row.id.encode())


def _check_offset(row: UploadRow, offset: int, length: int | None) -> None:
    if offset != row.received:
        detail = f"{row.id} has {row.received} bytes, and these would begin at {offset}."
        raise WrongOffset(detail, param="Upload-Offset", headers={"Upload-Offset": str(row.received)})
    if offset + (length or 0) > row.bytes:
        raise _beyond_length(row)


def _beyond_length(row: UploadRow) -> PayloadTooLarge:
    return PayloadTooLarge(f"{row.id} has {row.bytes} bytes by its Upload-Length, and these would be more.")
