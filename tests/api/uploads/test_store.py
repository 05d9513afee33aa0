"""The store of uploads: concurrent writers, crashes, limits and expiry."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar

from api.errors import Expired, Locked, Malformed, NotFound, UploadLimit
from api.http.state import AppState
from api.idempotency import RequestIdentity
from api.settings import Settings
from api.sql.connection import transaction
from api.storage.keys import received_key
from api.uploads.ingest import IngestedFile, MediaIngester
from api.uploads.store import UploadLimits, UploadStore
from api.uploads.tus import Creation
from tests.support.generations import person
from tests.support.uploads import PNG, TUS, append_bytes, create_upload, get_offset, get_upload
from tests.support.users import Person, sign_up
from tests.support.workers import create_sweeper


def create_store(app_state: AppState, limits: UploadLimits) -> UploadStore:
    """The store of uploads with other limits."""
    return UploadStore(app_state.settings, app_state.pool, app_state.storage, app_state.media_ingester, limits)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(PNG)), max_size=6), chunk=st.integers(1, 400), step=st.integers(1, 400))
async def test_the_file_is_the_same_however_it_is_split(
    app: Litestar,
    client: httpx.AsyncClient,
    app_state: AppState,
    account: Person,
    cuts: list[int],
    chunk: int,
    step: int,
) -> None:
    """Bytes come in requests and in chunks of any length, and are made durable at any step: the end is the same."""

    async def split_chunks(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), chunk):
            yield content[start : start + chunk]

    app.state.app_state = app_state._replace(upload_store=create_store(app_state, UploadLimits(flush_bytes=step)))
    url = await create_upload(client, account, len(PNG) + 1)  # one byte more, so that it is not inspected and removed
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(PNG)], strict=True):
        answer = await append_bytes(client, account, url, start, split_chunks(PNG[start:end]))
        assert answer.headers["upload-offset"] == str(end)
    assert app_state.storage.read_file(received_key(url.rpartition("/")[2])) == PNG
    await client.delete(url, headers=account.headers | TUS)


async def test_concurrent_writers_do_not_mix(client: httpx.AsyncClient, account: Person) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield PNG[:50]
        begun.set()
        await go.wait()
        yield PNG[50:100]

    url = await create_upload(client, account, len(PNG))
    slow = asyncio.create_task(append_bytes(client, account, url, 0, slowly()))
    await begun.wait()
    second = await append_bytes(client, account, url, 0, PNG)
    assert (second.status_code, second.json()["error"]["code"]) == (423, "locked")
    assert second.headers["retry-after"] == "5"
    go.set()
    assert (await slow).headers["upload-offset"] == "100"
    assert (await append_bytes(client, account, url, 0, PNG)).status_code == 409
    assert (await append_bytes(client, account, url, 100, PNG[100:])).status_code == 204
    assert (await get_upload(client, account, url))["status"] == "ready"


class CrashingIngester(MediaIngester):
    """A reader whose process dies before it has read a file."""

    async def ingest_file(self, *_: object) -> IngestedFile:
        raise SystemError


async def test_bytes_before_a_broken_connection_are_kept(app_state: AppState, client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    url = await create_upload(client, account, 100)

    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 30
        raise Malformed("The connection closed before the body had arrived.")

    with pytest.raises(Malformed):
        await app_state.upload_store.append_bytes(url.rpartition("/")[2], account.id, 0, None, breaking())
    assert await get_offset(client, account, url) == 30
    assert (await append_bytes(client, account, url, 30, b"y" * 20)).headers["upload-offset"] == "50"


async def test_bytes_beyond_the_row_are_overwritten(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    """A process that died between the file and the row leaves bytes that count for nothing."""
    url = await create_upload(client, account, len(PNG))
    await append_bytes(client, account, url, 0, PNG[:100])
    file = app_state.settings.data / "media" / received_key(url.rpartition("/")[2])
    file.write_bytes(PNG[:100] + b"?" * 70)
    assert await get_offset(client, account, url) == 100
    await append_bytes(client, account, url, 100, PNG[100:])
    assert (await get_upload(client, account, url))["status"] == "ready"


async def test_a_complete_upload_is_inspected_by_the_next_reader_after_a_crash(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    """The process may die between the last byte and the inspection of the file."""
    url = await create_upload(client, account, len(PNG))
    dying = UploadStore(app_state.settings, app_state.pool, app_state.storage, CrashingIngester(app_state.settings))
    app.state.app_state = app_state._replace(upload_store=dying)
    assert (await append_bytes(client, account, url, 0, PNG)).status_code == 500
    app.state.app_state = app_state
    assert await get_offset(client, account, url) == len(PNG)
    picture = {"file_id": url.rpartition("/")[2]}
    video = {"prompt": "a ball", "first_frame": picture}
    assert (await client.post("/v1/videos", json=video, headers=account.headers)).status_code == 200
    assert (await get_upload(client, account, url))["status"] == "ready"


async def test_an_upload_under_inspection_is_not_ready(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    row = await app_state.upload_store.create_upload(Creation(0, "", ""), RequestIdentity(account.id, None, b""))
    held = app_state.storage.lock_file(received_key(row.id))
    try:
        assert (await app_state.upload_store.inspect_upload(row.id, account.id)).status == "receiving"
        with pytest.raises(Locked):
            await app_state.upload_store.append_bytes(row.id, account.id, 0, 0, _no_chunks())
    finally:
        app_state.storage.unlock_file(held)
    refused = await get_upload(client, account, f"/v1/uploads/{row.id}")
    assert (refused["status"], refused["error"]["code"]) == ("refused", "unsupported_media_type")


async def _no_chunks() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk


async def test_a_user_may_have_a_limited_number_of_uploads(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    async def another(length: int = 10) -> httpx.Response:
        return await client.post("/v1/uploads", headers=account.headers | TUS | {"Upload-Length": str(length)})

    app.state.app_state = app_state._replace(upload_store=create_store(app_state, UploadLimits(files=2)))
    first, _ = [await another() for _ in range(2)]
    refused = await another()
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "upload_limit")
    assert (refused.json()["limit"], "delete one first" in refused.json()["detail"]) == (2, True)
    whole = await client.post("/v1/uploads", files={"file": ("a.png", PNG)}, headers=account.headers)
    assert whole.status_code == 403
    await client.delete(first.headers["location"], headers=account.headers)
    assert (await another()).status_code == 201
    assert await create_upload(client, await sign_up(client), 10)


async def test_announced_bytes_count_against_the_limit(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    app.state.app_state = app_state._replace(
        upload_store=create_store(app_state, UploadLimits(files_of_largest_size=1))
    )
    await create_upload(client, account, app_state.settings.max_upload - 5)
    headers = account.headers | TUS | {"Upload-Length": "6"}
    assert (await client.post("/v1/uploads", headers=headers)).status_code == 403
    assert await create_upload(client, account, 5)


async def test_concurrent_creations_do_not_pass_the_limit(isolated_state: AppState) -> None:
    store = create_store(isolated_state, UploadLimits(files=3))
    account = await person(isolated_state)
    asked = Creation(10, "", "")
    made = [store.create_upload(asked, RequestIdentity(account.id, None, b"")) for _ in range(8)]
    ends = await asyncio.gather(*made, return_exceptions=True)
    assert sum(isinstance(end, UploadLimit) for end in ends) == 5


async def test_a_full_disk_refuses_uploads(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    full = msgspec.structs.replace(app_state.settings, full_disk=0.0)
    store = UploadStore(full, app_state.pool, app_state.storage, app_state.media_ingester)
    app.state.app_state = app_state._replace(upload_store=store)
    headers = account.headers | TUS | {"Upload-Length": "6"}
    assert (await client.post("/v1/uploads", headers=headers)).status_code == 503


async def test_an_expired_upload_is_refused_and_removed(isolated_state: AppState, worker_settings: Settings) -> None:
    account = await person(isolated_state)
    old, young = [
        await isolated_state.upload_store.create_upload(Creation(10, "", ""), RequestIdentity(account.id, None, b""))
        for _ in range(2)
    ]
    for row in (old, young):
        with pytest.raises(Malformed):
            await isolated_state.upload_store.append_bytes(row.id, account.id, 0, None, _broken_off(b"abc"))
    async with transaction(isolated_state.pool) as db:
        await db.execute("UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = $1", old.id)
    with pytest.raises(Expired):
        await isolated_state.upload_store.inspect_upload(old.id, account.id)
    with pytest.raises(Expired):
        await isolated_state.upload_store.append_bytes(old.id, account.id, 3, None, _broken_off(b"def"))
    assert [row.id for row in await isolated_state.upload_store.list_uploads(account.id, None, 9, descending=True)] == [
        young.id
    ]
    await create_sweeper(isolated_state, worker_settings).clean_storage()
    folder = isolated_state.settings.data / "media" / "uploads"
    assert [each.name for each in folder.iterdir()] == [young.id]
    with pytest.raises(NotFound):
        await isolated_state.upload_store.inspect_upload(old.id, account.id)
    async with transaction(isolated_state.pool) as db:  # the owner is gone, and with them the row
        await db.execute("DELETE FROM uploads WHERE id = $1", young.id)
    await create_sweeper(isolated_state, worker_settings).clean_storage()
    assert (folder / young.id).exists(), "it is young: its row may be about to come"
    os.utime(folder / young.id, (0, 0))
    await create_sweeper(isolated_state, worker_settings).clean_storage()
    assert not list(folder.iterdir())


async def _broken_off(content: bytes) -> AsyncIterator[bytes]:
    yield content
    raise Malformed("The connection closed before the body had arrived.")
