"""Presets: the built-in styles, and one's own, which may be shared with whoever has the link."""

from __future__ import annotations

import asyncio

import msgspec

from api import idempotency, ids
from api.errors import Conflict, NotFound
from api.idempotency import RequestIdentity
from api.schemas.presets import Preset, PresetChange, PresetCreate
from api.sql import presets
from api.sql.connection import Database, Pool, transaction
from api.sql.idempotency import Answer
from api.sql.presets import Kept
from api.storage.cleanup import remove_unnamed_files
from api.storage.keys import PRESETS
from api.storage.local import Storage
from api.videos.styles import BUILT_IN, NO_STYLE, Style

KIND = ids.PRESET
MOST = 200  # presets one person may keep


class Presets:
    """Finds, keeps and forgets them."""

    def __init__(self, pool: Pool, storage: Storage) -> None:
        self._pool = pool
        self._storage = storage

    async def resolve_style(self, name: str | None, user_id: str) -> Style:
        """What a request means by its `preset`. Raises NotFound."""
        if name is None or name in BUILT_IN:
            return NO_STYLE if name is None else BUILT_IN[name]
        kept = await self._find(name, user_id)
        picture = await asyncio.to_thread(self._storage.read, picture_key(kept.id)) if kept.pictured else None
        return Style(kept.name, kept.prompt, kept.negative_prompt, picture)

    async def get(self, preset_id: str, user_id: str) -> Preset:
        """One the user may use. Raises NotFound."""
        return shown(preset_id) if preset_id in BUILT_IN else view(await self._find(preset_id, user_id), user_id)

    async def picture(self, preset_id: str, user_id: str) -> bytes:
        """The picture of a preset, a PNG. Raises NotFound."""
        kept = await self._find(preset_id, user_id)
        if not kept.pictured:
            raise NotFound("This preset has no image.", param="preset_id")
        return await asyncio.to_thread(self._storage.read, picture_key(kept.id))

    async def page(self, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Preset]:
        """A page of the user's own."""
        async with self._pool.acquire() as db:
            found = await presets.page(db, user_id, after, limit, descending=descending)
        return [view(kept, user_id) for kept in found]

    async def create(self, asked: PresetCreate, picture: bytes | None, identity: RequestIdentity) -> Preset:
        """Keep a new one; asked again under one Idempotency-Key, the first. Raises Conflict, StillRunning, KeyReused.

        The picture is stored before the row that says so, and goes at once if that row does not come.
        """
        preset_id = ids.new(KIND)
        async with remove_unnamed_files(self._storage, PRESETS, [preset_id] if picture else [], self._find_named):
            if picture is not None:
                await asyncio.to_thread(self._storage.write, picture_key(preset_id), picture)
            async with transaction(self._pool) as db:

                async def create() -> Answer:
                    row = await _add(db, preset_id, identity.user_id, asked, pictured=picture is not None)
                    body = msgspec.json.encode(view(row, identity.user_id))
                    return Answer(fingerprint=identity.fingerprint, status=201, headers={}, body=body)

                outcome = await idempotency.answer_once(db, identity, create)
        return msgspec.json.decode(outcome.answer.body, type=Preset)

    async def _find_named(self, preset_ids: list[str]) -> set[str]:
        async with self._pool.acquire() as db:
            return await presets.present(db, preset_ids)

    async def change(self, preset_id: str, user_id: str, asked: PresetChange) -> Preset:
        """Change one's own. Raises NotFound."""
        async with transaction(self._pool) as db:
            kept = ids.valid(preset_id, KIND) and await presets.change(
                db,
                preset_id,
                user_id,
                name=asked.name,
                prompt=asked.prompt,
                negative_prompt=asked.negative_prompt,
                shared=asked.shared,
            )
        if not kept:
            raise _not_found(preset_id)
        return view(kept, user_id)

    async def delete(self, preset_id: str, user_id: str) -> None:
        """Forget one's own; clips that were made with it stay as they are. Raises NotFound."""
        async with transaction(self._pool) as db:
            if not ids.valid(preset_id, KIND) or not await presets.remove(db, preset_id, user_id):
                raise _not_found(preset_id)
        await asyncio.to_thread(self._storage.remove, f"{PRESETS}/{preset_id}")

    async def _find(self, preset_id: str, user_id: str) -> Kept:
        async with self._pool.acquire() as db:
            kept = await presets.find(db, preset_id, user_id) if ids.valid(preset_id, KIND) else None
        if kept is None:
            raise _not_found(preset_id)
        return kept


async def _add(db: Database, preset_id: str, user_id: str, asked: PresetCreate, *, pictured: bool) -> Kept:
    if await presets.count(db, user_id) >= MOST:
        raise Conflict(f"One person may keep {MOST} presets; delete one first.", limit=MOST)
    return await presets.add(
        db,
        id=preset_id,
        user_id=user_id,
        name=asked.name,
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        pictured=pictured,
        shared=asked.shared,
    )


def picture_key(preset_id: str) -> str:
    """Where a preset's picture lies in storage."""
    return f"{PRESETS}/{preset_id}/picture.png"


def shown(name: str) -> Preset:
    """A built-in style as a preset."""
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


def view(kept: Kept, user_id: str) -> Preset:
    """A preset as the wire shows it."""
    return Preset(
        id=kept.id,
        name=kept.name,
        prompt=kept.prompt,
        negative_prompt=kept.negative_prompt,
        image=f"/v1/presets/{kept.id}/image" if kept.pictured else None,
        built_in=False,
        own=kept.user_id == user_id,
        shared=kept.shared,
        created_at=int(kept.created_at.timestamp()),
        updated_at=int(kept.updated_at.timestamp()),
    )


def _not_found(preset_id: str) -> NotFound:
    detail = f"There is no preset {preset_id[:64]!r} for you; built in are {', '.join(BUILT_IN)}."
    return NotFound(detail, param="preset")
