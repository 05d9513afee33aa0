"""Style presets: the built-in ones, and those of users, which they may share."""

from __future__ import annotations

import asyncio

import msgspec

from api import idempotency, ids
from api.errors import Conflict, NotFound
from api.idempotency import RequestIdentity
from api.schemas.common import unix_seconds
from api.schemas.presets import Preset, PresetChange, PresetCreate
from api.sql import presets
from api.sql.connection import Database, Pool, transaction
from api.sql.idempotency import StoredAnswer
from api.sql.presets import PresetRow
from api.storage.cleanup import remove_unnamed_files
from api.storage.keys import PRESETS
from api.storage.local import Storage
from api.videos.styles import BUILT_IN, NO_STYLE, Style

MAX_PRESETS = 200  # of one user


class PresetLibrary:
    """Finds, adds, changes and deletes presets."""

    def __init__(self, pool: Pool, storage: Storage, public_path: str) -> None:
        self._public_path = public_path
        self._pool = pool
        self._storage = storage

    async def resolve_style(self, name: str | None, user_id: str) -> Style:
        """The style that a request names as its `preset`. Raises NotFound."""
        if name is None or name in BUILT_IN:
            return NO_STYLE if name is None else BUILT_IN[name]
        row = await self._require_usable(name, user_id)
        image = await asyncio.to_thread(self._storage.read_file, image_key(row.id)) if row.pictured else None
        return Style(row.name, row.prompt, row.negative_prompt, image)

    async def get_preset(self, preset_id: str, user_id: str) -> Preset:
        """A preset that the user may use. Raises NotFound."""
        if preset_id in BUILT_IN:
            return to_built_in_preset(preset_id)
        return to_preset(await self._require_usable(preset_id, user_id), user_id, self._public_path)

    async def read_image(self, preset_id: str, user_id: str) -> bytes:
        """The image of a preset, a PNG. Raises NotFound."""
        row = await self._require_usable(preset_id, user_id)
        if not row.pictured:
            raise NotFound("This preset has no image.", param="preset_id")
        return await asyncio.to_thread(self._storage.read_file, image_key(row.id))

    async def list_page(self, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Preset]:
        """A page of the user's own presets."""
        async with self._pool.acquire() as db:
            found = await presets.list_page(db, user_id, after, limit, descending=descending)
        return [to_preset(row, user_id, self._public_path) for row in found]

    async def create_preset(self, request: PresetCreate, image: bytes | None, identity: RequestIdentity) -> Preset:
        """Add a preset, or return the one that the same request added before.

        The image is stored before the row that names it. Raises Conflict, RequestInProgress, IdempotencyKeyReused.
        """
        preset_id = ids.new_id(ids.PRESET)
        async with remove_unnamed_files(self._storage, PRESETS, [preset_id] if image else [], self._find_named):
            if image is not None:
                await asyncio.to_thread(self._storage.write_file, image_key(preset_id), image)
            async with transaction(self._pool) as db:

                async def create() -> StoredAnswer:
                    row = await _insert_preset(db, preset_id, identity.user_id, request, pictured=image is not None)
                    body = msgspec.json.encode(to_preset(row, identity.user_id, self._public_path))
                    return StoredAnswer(fingerprint=identity.fingerprint, status=201, headers={}, body=body)

                outcome = await idempotency.answer_once(db, identity, create)
        return msgspec.json.decode(outcome.answer.body, type=Preset)

    async def _find_named(self, preset_ids: list[str]) -> set[str]:
        async with self._pool.acquire() as db:
            return await presets.filter_existing(db, preset_ids)

    async def update_preset(self, preset_id: str, user_id: str, request: PresetChange) -> Preset:
        """Change one of the user's own presets. Raises NotFound."""
        async with transaction(self._pool) as db:
            row = ids.is_valid_id(preset_id, ids.PRESET) and await presets.update_preset(
                db,
                preset_id,
                user_id,
                name=request.name,
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                shared=request.shared,
            )
        if not row:
            raise _preset_not_found(preset_id)
        return to_preset(row, user_id, self._public_path)

    async def delete_preset(self, preset_id: str, user_id: str) -> None:
        """Delete one of the user's own presets; videos made with it stay as they are. Raises NotFound."""
        async with transaction(self._pool) as db:
            if not ids.is_valid_id(preset_id, ids.PRESET) or not await presets.delete_preset(db, preset_id, user_id):
                raise _preset_not_found(preset_id)
        await asyncio.to_thread(self._storage.remove_folder, f"{PRESETS}/{preset_id}")

    async def _require_usable(self, preset_id: str, user_id: str) -> PresetRow:
        async with self._pool.acquire() as db:
            row = (
                await presets.find_usable_preset(db, preset_id, user_id)
                if ids.is_valid_id(preset_id, ids.PRESET)
                else None
            )
        if row is None:
            raise _preset_not_found(preset_id)
        return row


async def _insert_preset(
    db: Database, preset_id: str, user_id: str, request: PresetCreate, *, pictured: bool
) -> PresetRow:
    if await presets.count_presets(db, user_id) >= MAX_PRESETS:
        raise Conflict(f"You may keep {MAX_PRESETS} presets; delete one first.", limit=MAX_PRESETS)
    return await presets.add_preset(
        db,
        id=preset_id,
        user_id=user_id,
        name=request.name,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        pictured=pictured,
        shared=request.shared,
    )


def image_key(preset_id: str) -> str:
    """The storage key of a preset's image."""
    return f"{PRESETS}/{preset_id}/picture.png"


def to_built_in_preset(name: str) -> Preset:
    """The wire object of a built-in style."""
    style = BUILT_IN[name]
    return Preset(
        id=name,
        name=style.name,
        prompt=style.prompt,
        negative_prompt=style.negative_prompt,
        image=None,
        built_in=True,
        own=False,
        shared=True,
        created_at=0,
        updated_at=0,
    )


def to_preset(row: PresetRow, user_id: str, public_path: str) -> Preset:
    """The wire object of a user's preset."""
    return Preset(
        id=row.id,
        name=row.name,
        prompt=row.prompt,
        negative_prompt=row.negative_prompt,
        image=f"{public_path}/v1/presets/{row.id}/image" if row.pictured else None,
        built_in=False,
        own=row.user_id == user_id,
        shared=row.shared,
        created_at=unix_seconds(row.created_at),
        updated_at=unix_seconds(row.updated_at),
    )


def _preset_not_found(preset_id: str) -> NotFound:
    detail = f"There is no preset {preset_id[:64]!r} for you; built in are {', '.join(BUILT_IN)}."
    return NotFound(detail, param="preset")
