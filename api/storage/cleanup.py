"""Removal of stored files that no database row names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from api.storage.local import Storage


@asynccontextmanager
async def remove_unnamed_files(
    storage: Storage, folder: str, ids: list[str], find_named: Callable[[list[str]], Awaitable[set[str]]]
) -> AsyncIterator[None]:
    """When the block ends, remove `folder/<id>` for each id that has no row.

    Files are stored before the rows that name them. The rows are asked for in the database, because a commit may have
    succeeded although its answer was lost. What a crash leaves behind is removed by the sweeper.
    """
    try:
        yield
    finally:
        named = await find_named(ids)
        for unnamed in set(ids) - named:
            await asyncio.to_thread(storage.remove_folder, f"{folder}/{unnamed}")
