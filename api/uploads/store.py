"""Uploads that come before the request that uses them, whole or in parts: receiving → ready | refused.

How far one has come is what its row says, and the row moves only behind bytes that are durable: whatever a crash
leaves in the file beyond that is written over. One request at a time writes to a file, by a lock that dies with it.
What is whole is looked at by whoever comes first: the request that brought its last byte, or the next that asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

from api import idempotency, ids
from api.errors import (
    Expired,
    Invalid,
    Locked,
    Malformed,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unavailable,
    UnsupportedMediaType,
    UploadLimit,
    WrongOffset,
)
from api.http.forms import Sent
from api.idempotency import RequestIdentity
from api.settings import Settings
from api.sql import uploads as sql
from api.sql.connection import Database, Pool, transaction
from api.sql.idempotency import Answer
from api.sql.uploads import Arrival
from api.storage.cleanup import remove_unnamed_files
from api.storage.local import Storage
from api.uploads.ingest import Upload, Uploads, kind_of
from api.uploads.tus import Creation, shown
from engine.catalog import upload_limits

KIND: Final = ids.UPLOAD
FOLDER: Final = "uploads"
KEPT: Final = 24 * 3600.0  # seconds
MOST: Final = 50  # files that one person may have here at once
ROOM: Final = 20  # times the largest file: what they may weigh together
STEP: Final = 4 * 2**20  # bytes held in memory before they are made durable
BEGINNING: Final = 16  # bytes that say what a file claims to be


class Arrivals:
    """Receives, keeps, finds and forgets them."""

    def __init__(self, settings: Settings, pool: Pool, storage: Storage, uploads: Uploads) -> None:
        self._settings = settings
        self._pool = pool
        self._storage = storage
        self._uploads = uploads

    # -- beginning ------------------------------------------------------------------------------------------

    async def create(self, asked: Creation, identity: RequestIdentity) -> Arrival:
        """A place for a file that will come in parts; asked again under one Idempotency-Key, the first.

        Raises PayloadTooLarge, UploadLimit, Unavailable, StillRunning, KeyReused.
        """
        self._uploads.check_size(asked.bytes, "file", "Upload-Length")
        self._refuse_on_full_disk()
        async with transaction(self._pool) as db:

            async def create() -> Answer:
                row = await self._add(db, ids.new(KIND), identity.user_id, asked)
                return _created(row, identity.fingerprint)

            outcome = await idempotency.answer_once(db, identity, create)
            return await _own(db, outcome.answer.body.decode(), identity.user_id)

    async def keep(self, sent: Sent, identity: RequestIdentity) -> Arrival:
        """A file that came whole, once it has been looked at; nothing is kept of one that cannot be used.

        Raises Invalid, PayloadTooLarge, UnsupportedMediaType and what `create` does.
        """
        self._uploads.check_size(len(sent.content), "file", sent.field)
        self._refuse_on_full_disk()
        asked, upload_id = Creation(len(sent.content), "", shown(sent.name)), ids.new(KIND)
        async with remove_unnamed_files(self._storage, FOLDER, [upload_id], self._find_named):
            async with self._uploads.folder() as folder:
                source = folder / KIND
                await asyncio.to_thread(source.write_bytes, sent.content)
                found = await self._found(source, folder, sent.field)
                await asyncio.to_thread(self._storage.adopt, found.file, read_key(upload_id))
            async with transaction(self._pool) as db:

                async def create() -> Answer:
                    row = await self._add(db, upload_id, identity.user_id, asked)
                    return _created(_still(await _ready(db, row.id, found), row.id), identity.fingerprint)

                outcome = await idempotency.answer_once(db, identity, create)
                return await _own(db, outcome.answer.body.decode(), identity.user_id)

    async def _find_named(self, upload_ids: list[str]) -> set[str]:
        async with self._pool.acquire() as db:
            return await sql.present(db, upload_ids)

    async def _add(self, db: Database, upload_id: str, user_id: str, asked: Creation) -> Arrival:
        held, room = await sql.held(db, user_id), ROOM * self._settings.max_upload
        if held.files >= MOST:
            raise UploadLimit(f"You may have {MOST} uploads at once; delete one first.", limit=MOST)
        if held.bytes + asked.bytes > room:
            detail = f"Your uploads may have {room} bytes together, and there are {held.bytes}; delete one first."
            raise UploadLimit(detail, limit=room)
        return await sql.add(
            db,
            id=upload_id,
            user_id=user_id,
            filename=asked.filename,
            metadata=asked.metadata,
            bytes=asked.bytes,
            kept=KEPT,
        )

    def _refuse_on_full_disk(self) -> None:
        if self._storage.fullness() >= self._settings.full_disk:
            raise Unavailable("The server's disk is nearly full, so no upload is accepted just now.")

    # -- going on -------------------------------------------------------------------------------------------

    async def append(
        self, upload_id: str, user_id: str, offset: int, length: int | None, chunks: AsyncIterator[bytes]
    ) -> Arrival:
        """Take the bytes from `offset` on, as many as come (`length`, if that is known), and look at what is whole.

        Raises NotFound, Expired, WrongOffset, PayloadTooLarge, Locked, and Malformed where the bytes break off; what
        came until then is kept.
        """
        _check(await self.find(upload_id, user_id), offset, length)
        async with self._held(upload_id) as file:
            row = await self.find(upload_id, user_id)  # again, now that nobody else can move it
            _check(row, offset, length)
            if row.status == "receiving":
                row = await self._take(row, file, chunks)
            return await self._look(row)

    async def _take(self, row: Arrival, file: int, chunks: AsyncIterator[bytes]) -> Arrival:
        waiting = bytearray()
        try:
            async for chunk in chunks:
                if row.received + len(waiting) + len(chunk) > row.bytes:
                    raise _too_long(row)
                waiting += chunk
                if len(waiting) >= STEP:
                    row = await self._move(row, file, waiting)
                    waiting.clear()
        except Malformed:
            await self._move(row, file, waiting)
            raise
        return await self._move(row, file, waiting)

    async def _move(self, row: Arrival, file: int, content: bytearray) -> Arrival:
        """The row, behind bytes that are durable by then. Raises NotFound if it was deleted meanwhile."""
        if not content:
            return row
        await asyncio.to_thread(self._storage.extend, file, row.received, bytes(content))
        async with transaction(self._pool) as db:
            return _still(await sql.move(db, row.id, row.received, row.received + len(content)), row.id)

    @asynccontextmanager
    async def _held(self, upload_id: str) -> AsyncIterator[int]:
        """The file, with nobody else writing to it. Raises Locked."""
        try:
            file = await asyncio.to_thread(self._storage.hold, sent_key(upload_id))
        except BlockingIOError as error:
            detail = "Another request is writing to this upload; ask with HEAD how far it has come, and go on there."
            raise Locked(detail, headers={"Retry-After": "5"}) from error
        try:
            yield file
        finally:
            self._storage.release(file)

    # -- looking at what is whole ---------------------------------------------------------------------------

    async def _look(self, row: Arrival) -> Arrival:
        """What a file is, found out and kept once it is whole. Whoever calls holds it."""
        if row.status != "receiving" or row.received < row.bytes:
            return row
        source = self._storage.path(sent_key(row.id))
        async with self._uploads.folder() as folder:
            try:
                found = await self._found(source, folder, "file")
            except (Invalid, UnsupportedMediaType) as problem:
                row = await self._refuse(row, problem)
            else:
                await asyncio.to_thread(self._storage.adopt, found.file, read_key(row.id))
                row = await self._keep(row, found)
        await asyncio.to_thread(self._storage.remove, f"{folder_of(row.id)}/sent")
        return row

    async def _found(self, source: Path, folder: Path, field: str) -> Upload:
        """What a file is, whatever it calls itself. Raises problems that name the field."""
        try:
            return await self._uploads.read(kind_of(await asyncio.to_thread(_beginning, source)), source, folder, field)
        except UnsupportedMediaType as problem:
            kinds = ", ".join((*upload_limits.PICTURES, *upload_limits.FILMS))
            raise UnsupportedMediaType(f"A file must be one of {kinds}, and whole.", param=field) from problem

    async def _keep(self, row: Arrival, found: Upload) -> Arrival:
        async with transaction(self._pool) as db:
            kept = await _ready(db, row.id, found)
        if kept is None:  # deleted while it was looked at: what was adopted since must go too
            await asyncio.to_thread(self._storage.remove, folder_of(row.id))
        return _still(kept, row.id)

    async def _refuse(self, row: Arrival, problem: Problem) -> Arrival:
        async with transaction(self._pool) as db:
            return _still(await sql.refuse(db, row.id, code=problem.code, reason=problem.detail), row.id)

    # -- finding and forgetting -----------------------------------------------------------------------------

    async def find(self, upload_id: str, user_id: str) -> Arrival:
        """One of the user's own, as it stands. Raises NotFound, Expired."""
        async with self._pool.acquire() as db:
            return await _own(db, upload_id, user_id)

    async def get(self, upload_id: str, user_id: str) -> Arrival:
        """The same; one that is whole and was not looked at, because whoever brought it is gone, is looked at now."""
        row = await self.find(upload_id, user_id)
        if row.status == "receiving" and row.received == row.bytes:
            with suppress(Locked):  # somebody is looking
                async with self._held(row.id):
                    row = await self._look(await self.find(upload_id, user_id))
        return row

    async def page(self, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Arrival]:
        """A page of the user's own."""
        async with self._pool.acquire() as db:
            return await sql.page(db, user_id, after, limit, descending=descending)

    async def delete(self, upload_id: str, user_id: str) -> None:
        """Forget one; clips that are made from it keep what they need. Raises NotFound."""
        async with transaction(self._pool) as db:
            if not ids.valid(upload_id, KIND) or not await sql.remove(db, upload_id, user_id):
                _lacks(upload_id)
        await asyncio.to_thread(self._storage.remove, folder_of(upload_id))


def folder_of(upload_id: str) -> str:
    """The keys of an upload."""
    return f"{FOLDER}/{upload_id}"


def sent_key(upload_id: str) -> str:
    """Where the bytes lie as they come."""
    return f"{folder_of(upload_id)}/sent/file"


def read_key(upload_id: str) -> str:
    """Where the file of our own making lies."""
    return f"{folder_of(upload_id)}/file"


async def _own(db: Database, upload_id: str, user_id: str) -> Arrival:
    row = await sql.find(db, upload_id, user_id) if ids.valid(upload_id, KIND) else None
    row = _still(row, upload_id)
    if row.expires_at < datetime.now(UTC):
        raise Expired(f"{row.id} was kept for a day; send it again.", param="upload_id")
    return row


async def _ready(db: Database, upload_id: str, found: Upload) -> Arrival | None:
    return await sql.ready(
        db,
        upload_id,
        kind="video" if found.seconds else "image",
        width=found.width,
        height=found.height,
        seconds=found.seconds or None,
    )


def _created(row: Arrival, fingerprint: bytes) -> Answer:
    """What is kept for replay: the id of the upload."""
    return Answer(fingerprint=fingerprint, status=201, headers={}, body=row.id.encode())


def _check(row: Arrival, offset: int, length: int | None) -> None:
    if offset != row.received:
        detail = f"{row.id} has {row.received} bytes, and these would begin at {offset}."
        raise WrongOffset(detail, param="Upload-Offset", headers={"Upload-Offset": str(row.received)})
    if offset + (length or 0) > row.bytes:
        raise _too_long(row)


def _too_long(row: Arrival) -> PayloadTooLarge:
    return PayloadTooLarge(f"{row.id} has {row.bytes} bytes by its Upload-Length, and these would be more.")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BEGINNING)


def _still(row: Arrival | None, upload_id: str) -> Arrival:
    """The row, if there is one. Raises NotFound."""
    return row or _lacks(upload_id)


def _lacks(upload_id: str) -> NoReturn:
    raise NotFound(f"There is no upload {upload_id[:64]!r} for you.", param="upload_id")
