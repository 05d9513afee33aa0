"""Uploads that come before they are used: tus 1.0 as it is written, and what a crash at any moment leaves behind."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from PIL import Image
from redis.asyncio import Redis

from api.app import create_app
from api.errors import Expired, Locked, Malformed, NotFound, UploadLimit
from api.http import body
from api.http.state import AppState
from api.idempotency import RequestIdentity
from api.local import supervisor
from api.settings import Settings
from api.sql.connection import transaction
from api.storage.keys import received_key
from api.uploads.ingest import Upload, Uploads
from api.uploads.store import UploadLimits, UploadStore
from api.uploads.tus import Creation
from bench.chaos_processes import ChaosProcess
from engine.media.video_reader import Footage
from tests.api.routes.test_video_create import claim, post
from tests.api.routes.test_videos import png
from tests.api.uploads.test_ingest import clip
from tests.api.videos.test_lifecycle import person
from tests.api.worker.test_sweeper import sweeper_of
from tests.support.users import Person, sign_up

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
PNG = png(200, 120)
FILM = clip(1)


def metadata(**said: str) -> dict[str, str]:
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
    return {"Upload-Metadata": ",".join(pairs)}


async def begin(client: httpx.AsyncClient, account: Person, length: int, **more: str) -> str:
    """The address of a place for so many bytes."""
    headers = account.headers | TUS | {"Upload-Length": str(length)} | more
    answer = await client.post("/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def append(
    client: httpx.AsyncClient, account: Person, place: str, offset: int, content: Any, **more: str
) -> httpx.Response:
    headers = account.headers | BYTES | {"Upload-Offset": str(offset)} | more
    return await client.patch(place, content=content, headers=headers)


async def offset(client: httpx.AsyncClient, account: Person, place: str) -> int:
    answer = await client.head(place, headers=account.headers | TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


async def sent(client: httpx.AsyncClient, account: Person, content: bytes, name: str = "") -> dict[str, Any]:
    """An upload that came in one form."""
    answer = await client.post("/v1/uploads", files={"file": (name or "a", content)}, headers=account.headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def seen(client: httpx.AsyncClient, account: Person, place: str) -> dict[str, Any]:
    answer = await client.get(place, headers=account.headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# -- the protocol ---------------------------------------------------------------------------------------------


async def test_what_is_spoken_is_said_to_anybody(client: httpx.AsyncClient, app_state: AppState) -> None:
    for place in ("/v1/uploads", "/v1/uploads/upload_x"):
        answer = await client.options(place)
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,creation-with-upload,expiration,termination"
        assert answer.headers["tus-max-size"] == str(app_state.settings.max_upload)


async def test_a_picture_comes_in_parts(client: httpx.AsyncClient, app_state: AppState, account: Person) -> None:
    said = metadata(filename="C:\\pictures\\été.png", filetype="image/png")
    place = await begin(client, account, len(PNG), **said)
    first = await append(client, account, place, 0, PNG[:100])
    assert (first.status_code, first.content) == (204, b"")
    assert (first.headers["upload-offset"], first.headers["tus-resumable"]) == ("100", "1.0.0")
    assert first.headers["upload-expires"].endswith(" GMT")
    head = await client.head(place, headers=account.headers | TUS)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("100", str(len(PNG)))
    assert head.headers["upload-metadata"] == said["Upload-Metadata"]
    assert (head.headers["cache-control"], head.content) == ("no-store", b"")
    half = await seen(client, account, place)
    assert (half["status"], half["offset"], half["kind"], half["error"]) == ("receiving", 100, "unknown", None)
    assert (await append(client, account, place, 100, PNG[100:])).headers["upload-offset"] == str(len(PNG))
    whole = await seen(client, account, place)
    assert whole["id"] == place.rpartition("/")[2]
    assert (whole["object"], whole["status"], whole["kind"], whole["filename"]) == (
        "upload",
        "ready",
        "image",
        "été.png",
    )
    assert (whole["bytes"], whole["width"], whole["height"], whole["seconds"]) == (len(PNG), 200, 120, None)
    assert whole["expires_at"] - whole["created_at"] == 24 * 3600
    assert not (app_state.settings.data / "media" / received_key(whole["id"])).exists()
    assert not list((app_state.settings.data / "work").iterdir())


async def test_a_creation_may_bring_the_first_bytes(client: httpx.AsyncClient, account: Person) -> None:
    headers = account.headers | BYTES | {"Upload-Length": str(len(FILM))}
    answer = await client.post("/v1/uploads", headers=headers, content=FILM[:1000])
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "1000")
    place = answer.headers["location"]
    assert (await append(client, account, place, 1000, FILM[1000:])).status_code == 204
    film = await seen(client, account, place)
    assert (film["kind"], film["status"], film["width"], film["height"], film["seconds"]) == (
        "video",
        "ready",
        90,
        160,
        1,
    )
    answer = await client.post("/v1/uploads", headers=headers | {"Upload-Length": "3"}, content=b"abc")
    assert answer.json()["status"] == "refused"


async def test_a_creation_is_repeated_under_its_key(client: httpx.AsyncClient, account: Person) -> None:
    """A client that lost the answer to its creation finds what it has sent so far, and no second upload."""
    keyed = account.headers | BYTES | {"Upload-Length": "1000", "Idempotency-Key": "one"}
    first = await client.post("/v1/uploads", headers=keyed, content=b"x" * 10)
    again = await client.post("/v1/uploads", headers=keyed, content=b"x" * 10)
    assert (again.status_code, again.json()["id"], again.headers["upload-offset"]) == (201, first.json()["id"], "10")
    other = await client.post("/v1/uploads", headers=keyed | {"Upload-Length": "1001"})
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    listed = (await client.get("/v1/uploads", headers=account.headers)).json()
    assert [one["id"] for one in listed["data"]] == [first.json()["id"]]


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "5"}, 412, "1.0.0"),
        ({"Upload-Length": "5"}, 412, "1.0.0"),
        ({**TUS}, 400, "Upload-Length"),
        ({**TUS, "Upload-Length": "-5"}, 400, "number of bytes"),
        ({**TUS, "Upload-Length": "9" * 30}, 400, "number of bytes"),
        ({**TUS, "Upload-Defer-Length": "1"}, 400, "Upload-Length"),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "filename !!"}, 400, "base64"),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="}, 400, "twice"),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "a " + "YQ==" * 2000}, 400, "4096"),
        ({**TUS, "Upload-Length": str(50 * 1024 * 1024 + 1)}, 413, "52428800"),
        ({**BYTES, "Upload-Length": "5", "Upload-Offset": "0"}, 413, "Upload-Length"),
    ],
)
async def test_a_creation_that_does_not_fit_is_refused(
    client: httpx.AsyncClient, account: Person, headers: dict[str, str], status: int, words: str
) -> None:
    content = b"too long" if "Content-Type" in headers else None
    answer = await client.post("/v1/uploads", headers=account.headers | headers, content=content)
    assert (answer.status_code, answer.headers["tus-resumable"]) == (status, "1.0.0"), answer.text
    assert words in answer.json()["detail"]
    assert (status == 412) == ("tus-version" in answer.headers)


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        ({"Upload-Offset": "4"}, b"abc", 409, "wrong_offset"),
        ({"Upload-Offset": "6"}, b"abc", 409, "wrong_offset"),
        ({"Upload-Offset": ""}, b"abc", 400, "malformed"),
        ({"Tus-Resumable": "2.0.0"}, b"abc", 412, "unsupported_version"),
        ({"Content-Type": "application/octet-stream"}, b"abc", 415, "unsupported_media_type"),
        ({}, b"x" * 996, 413, "payload_too_large"),
    ],
)
async def test_bytes_that_do_not_fit_are_refused_and_change_nothing(
    client: httpx.AsyncClient, account: Person, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    place = await begin(client, account, 1000)
    assert (await append(client, account, place, 0, b"first")).status_code == 204
    answer = await append(client, account, place, 5, content, **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert await offset(client, account, place) == 5


async def test_more_than_was_promised_is_refused_without_a_length_too(
    client: httpx.AsyncClient, account: Person
) -> None:
    async def many() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 4

    place = await begin(client, account, 10)
    assert (await append(client, account, place, 0, many())).status_code == 413


async def test_what_is_whole_takes_no_more_and_no_offence(client: httpx.AsyncClient, account: Person) -> None:
    place = await begin(client, account, len(PNG))
    await append(client, account, place, 0, PNG)
    assert (await append(client, account, place, len(PNG), b"")).headers["upload-offset"] == str(len(PNG))
    assert (await append(client, account, place, len(PNG), b"x")).status_code == 413
    assert (await append(client, account, place, 0, PNG)).status_code == 409
    assert (await seen(client, account, place))["status"] == "ready"


async def test_an_upload_is_ended_in_either_language(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    folder = app_state.settings.data / "media" / "uploads"
    spoken, plain = [await begin(client, account, 10) for _ in range(2)]
    await append(client, account, spoken, 0, b"some")
    assert (await client.delete(spoken, headers=account.headers | TUS)).status_code == 204
    answer = await client.delete(plain, headers=account.headers)
    assert answer.json() == {"id": plain.rpartition("/")[2], "object": "upload.deleted", "deleted": True}
    assert not list(folder.iterdir())
    for place in (spoken, plain):
        assert (await client.delete(place, headers=account.headers | TUS)).status_code == 404
        assert (await client.head(place, headers=account.headers | TUS)).status_code == 404


async def test_a_client_of_get_and_post_may_name_its_method(client: httpx.AsyncClient, account: Person) -> None:
    place = await begin(client, account, 10)
    headers = account.headers | BYTES
    patch = headers | {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    assert (await client.post(place, headers=patch, content=b"abc")).headers["upload-offset"] == "3"
    assert (await client.post(place, headers=headers)).status_code == 405
    assert (await client.post(place, headers=headers | {"X-HTTP-Method-Override": "DELETE"})).status_code == 204
    assert (await client.head(place, headers=account.headers)).status_code == 404


async def test_somebody_elses_upload_is_not_there(client: httpx.AsyncClient, account: Person) -> None:
    place = await begin(client, account, 10)
    other = await sign_up(client)
    assert (await client.head(place, headers=other.headers | TUS)).status_code == 404
    assert (await client.get(place, headers=other.headers)).status_code == 404
    assert (await append(client, other, place, 0, b"abc")).status_code == 404
    assert (await client.delete(place, headers=other.headers | TUS)).status_code == 404
    assert (await client.get("/v1/uploads", headers=other.headers)).json()["data"] == []
    assert (await client.get("/v1/uploads/upload_nonsense", headers=other.headers)).status_code == 404
    assert await offset(client, account, place) == 0


def store_with(app_state: AppState, limits: UploadLimits) -> UploadStore:
    """The store of uploads with other limits."""
    return UploadStore(app_state.settings, app_state.pool, app_state.storage, app_state.uploads, limits)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(PNG)), max_size=6), chunk=st.integers(1, 400), step=st.integers(1, 400))
async def test_however_it_is_cut_it_is_the_same_file(
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

    app.state.app_state = app_state._replace(upload_store=store_with(app_state, UploadLimits(flush_bytes=step)))
    place = await begin(client, account, len(PNG) + 1)  # one byte more, so that it is not inspected and removed
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(PNG)], strict=True):
        answer = await append(client, account, place, start, split_chunks(PNG[start:end]))
        assert answer.headers["upload-offset"] == str(end)
    assert app_state.storage.read(received_key(place.rpartition("/")[2])) == PNG
    await client.delete(place, headers=account.headers | TUS)


# -- two at once, and the end of either -----------------------------------------------------------------------


async def test_two_at_once_do_not_mix(client: httpx.AsyncClient, account: Person) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield PNG[:50]
        begun.set()
        await go.wait()
        yield PNG[50:100]

    place = await begin(client, account, len(PNG))
    slow = asyncio.create_task(append(client, account, place, 0, slowly()))
    await begun.wait()
    second = await append(client, account, place, 0, PNG)
    assert (second.status_code, second.json()["error"]["code"]) == (423, "locked")
    assert second.headers["retry-after"] == "5"
    go.set()
    assert (await slow).headers["upload-offset"] == "100"
    assert (await append(client, account, place, 0, PNG)).status_code == 409
    assert (await append(client, account, place, 100, PNG[100:])).status_code == 204
    assert (await seen(client, account, place))["status"] == "ready"


class DyingReader(Uploads):
    """A reader whose process dies before it has read a file."""

    async def read(self, *_: object) -> Upload:
        raise SystemError


async def test_what_came_before_the_connection_broke_is_kept(app_state: AppState, client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    place = await begin(client, account, 100)

    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 30
        raise Malformed("The connection closed before the body had arrived.")

    with pytest.raises(Malformed):
        await app_state.upload_store.append_bytes(place.rpartition("/")[2], account.id, 0, None, breaking())
    assert await offset(client, account, place) == 30
    assert (await append(client, account, place, 30, b"y" * 20)).headers["upload-offset"] == "50"


async def test_a_sender_who_says_nothing_lets_go(
    client: httpx.AsyncClient, account: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.Event().wait()

    monkeypatch.setattr(body, "STALLED", 0.05)
    place = await begin(client, account, 100)
    answer = await append(client, account, place, 0, mute())
    assert (answer.status_code, await offset(client, account, place)) == (400, 3)
    assert (await append(client, account, place, 3, b"def")).headers["upload-offset"] == "6"


async def test_bytes_behind_the_row_are_written_over(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    """A process that died between the file and the row leaves bytes that count for nothing."""
    place = await begin(client, account, len(PNG))
    await append(client, account, place, 0, PNG[:100])
    file = app_state.settings.data / "media" / received_key(place.rpartition("/")[2])
    file.write_bytes(PNG[:100] + b"?" * 70)
    assert await offset(client, account, place) == 100
    await append(client, account, place, 100, PNG[100:])
    assert (await seen(client, account, place))["status"] == "ready"


async def test_what_is_whole_and_was_not_looked_at_is_looked_at_by_who_asks(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    """The process may die between the last byte and the inspection of the file."""
    place = await begin(client, account, len(PNG))
    dying = UploadStore(app_state.settings, app_state.pool, app_state.storage, DyingReader(app_state.settings))
    app.state.app_state = app_state._replace(upload_store=dying)
    assert (await append(client, account, place, 0, PNG)).status_code == 500
    app.state.app_state = app_state
    assert await offset(client, account, place) == len(PNG)
    picture = {"file_id": place.rpartition("/")[2]}
    video = {"prompt": "a ball", "first_frame": picture}
    assert (await client.post("/v1/videos", json=video, headers=account.headers)).status_code == 200
    assert (await seen(client, account, place))["status"] == "ready"


async def test_one_that_is_being_looked_at_is_not_ready(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    row = await app_state.upload_store.create_upload(Creation(0, "", ""), RequestIdentity(account.id, None, b""))
    held = app_state.storage.hold(received_key(row.id))
    try:
        assert (await app_state.upload_store.inspect_upload(row.id, account.id)).status == "receiving"
        with pytest.raises(Locked):
            await app_state.upload_store.append_bytes(row.id, account.id, 0, 0, _nothing())
    finally:
        app_state.storage.release(held)
    refused = await seen(client, account, f"/v1/uploads/{row.id}")
    assert (refused["status"], refused["error"]["code"]) == ("refused", "unsupported_media_type")


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk


def noise() -> bytes:
    """A picture that no compression makes small; its checksums tell whether it is whole."""
    drawn = io.BytesIO()
    Image.fromarray(np.random.default_rng(7).integers(0, 256, (1600, 2000, 3), np.uint8)).save(drawn, "PNG")
    return drawn.getvalue()


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[ChaosProcess, httpx.AsyncClient]]:
    """A real web process behind a socket that outlives it, and a client."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with supervisor.listen("127.0.0.1", 0) as listener:
        arguments, fd = ("serve", "--fd", str(listener.fileno())), listener.fileno()
        web = ChaosProcess("web", settings, settings.data, *arguments, shared=(fd,))
        await web.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            yield web, client
        await web.stop()


async def test_a_web_process_killed_on_the_way_loses_only_what_was_not_durable(
    database: str, base_settings: Settings, redis: Redis, tmp_path: Path
) -> None:
    """SIGKILL between two steps; the next process goes on at once, since a lock dies with its holder."""
    content, ours, dead = noise(), asyncio.Event(), asyncio.Event()
    settings = msgspec.structs.replace(base_settings, database_url=database, data=tmp_path / "data")

    async def half() -> AsyncIterator[bytes]:
        for start in range(0, 5_000_000, 100_000):
            yield content[start : start + 100_000]
        ours.set()
        await dead.wait()
        yield content[5_000_000:]

    async with serving(settings) as (web, client):
        account = await sign_up(client)
        place = await begin(client, account, len(content))
        sending = asyncio.create_task(append(client, account, place, 0, half()))
        await ours.wait()
        async with asyncio.timeout(30):
            while not (have := await offset(client, account, place)):  # noqa: ASYNC110 (nobody tells us)
                await asyncio.sleep(0.01)
        assert UploadLimits().flush_bytes <= have < 5_000_000
        assert (await append(client, account, place, have, b"x")).status_code == 423
        await web.kill()
        dead.set()
        with pytest.raises(httpx.TransportError):
            await sending
        await web.start()
        assert await offset(client, account, place) == have
        assert (await append(client, account, place, have, content[have:])).status_code == 204
        picture = await seen(client, account, place)
        assert (picture["status"], picture["width"], picture["height"]) == ("ready", 2000, 1600)


# -- limits, and the end of a day -----------------------------------------------------------------------------


async def test_one_person_may_have_so_many_at_once(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    async def another(length: int = 10) -> httpx.Response:
        return await client.post("/v1/uploads", headers=account.headers | TUS | {"Upload-Length": str(length)})

    app.state.app_state = app_state._replace(upload_store=store_with(app_state, UploadLimits(files=2)))
    first, _ = [await another() for _ in range(2)]
    refused = await another()
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "upload_limit")
    assert (refused.json()["limit"], "delete one first" in refused.json()["detail"]) == (2, True)
    whole = await client.post("/v1/uploads", files={"file": ("a.png", PNG)}, headers=account.headers)
    assert whole.status_code == 403
    await client.delete(first.headers["location"], headers=account.headers)
    assert (await another()).status_code == 201
    assert await begin(client, await sign_up(client), 10)


async def test_their_bytes_count_from_the_beginning(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    app.state.app_state = app_state._replace(upload_store=store_with(app_state, UploadLimits(files_of_largest_size=1)))
    await begin(client, account, app_state.settings.max_upload - 5)
    headers = account.headers | TUS | {"Upload-Length": "6"}
    assert (await client.post("/v1/uploads", headers=headers)).status_code == 403
    assert await begin(client, account, 5)


async def test_two_at_once_do_not_pass_the_limit_together(real: AppState) -> None:
    store = store_with(real, UploadLimits(files=3))
    account = await person(real)
    asked = Creation(10, "", "")
    made = [store.create_upload(asked, RequestIdentity(account.id, None, b"")) for _ in range(8)]
    ends = await asyncio.gather(*made, return_exceptions=True)
    assert sum(isinstance(end, UploadLimit) for end in ends) == 5


async def test_a_full_disk_takes_nothing(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    full = msgspec.structs.replace(app_state.settings, full_disk=0.0)
    store = UploadStore(full, app_state.pool, app_state.storage, app_state.uploads)
    app.state.app_state = app_state._replace(upload_store=store)
    headers = account.headers | TUS | {"Upload-Length": "6"}
    assert (await client.post("/v1/uploads", headers=headers)).status_code == 503


async def test_a_day_later_it_is_gone(real: AppState, worker_settings: Settings) -> None:
    account = await person(real)
    old, young = [
        await real.upload_store.create_upload(Creation(10, "", ""), RequestIdentity(account.id, None, b""))
        for _ in range(2)
    ]
    for row in (old, young):
        with pytest.raises(Malformed):
            await real.upload_store.append_bytes(row.id, account.id, 0, None, _breaking(b"abc"))
    async with transaction(real.pool) as db:
        await db.execute("UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = $1", old.id)
    with pytest.raises(Expired):
        await real.upload_store.inspect_upload(old.id, account.id)
    with pytest.raises(Expired):
        await real.upload_store.append_bytes(old.id, account.id, 3, None, _breaking(b"def"))
    assert [row.id for row in await real.upload_store.list_uploads(account.id, None, 9, descending=True)] == [young.id]
    await sweeper_of(real, worker_settings).clean_storage()
    folder = real.settings.data / "media" / "uploads"
    assert [each.name for each in folder.iterdir()] == [young.id]
    with pytest.raises(NotFound):
        await real.upload_store.inspect_upload(old.id, account.id)
    async with transaction(real.pool) as db:  # the owner is gone, and with them the row
        await db.execute("DELETE FROM uploads WHERE id = $1", young.id)
    await sweeper_of(real, worker_settings).clean_storage()
    assert (folder / young.id).exists(), "it is young: its row may be about to come"
    os.utime(folder / young.id, (0, 0))
    await sweeper_of(real, worker_settings).clean_storage()
    assert not list(folder.iterdir())


async def _breaking(content: bytes) -> AsyncIterator[bytes]:
    yield content
    raise Malformed("The connection closed before the body had arrived.")


# -- in one form, and use -------------------------------------------------------------------------------------


async def test_a_form_brings_one_whole(client: httpx.AsyncClient, app_state: AppState, account: Person) -> None:
    keyed = account.headers | {"Idempotency-Key": "mine"}
    film = {"file": ("my film.mp4", FILM, "video/mp4")}
    answer = await client.post("/v1/uploads", files=film, headers=keyed)
    assert (answer.status_code, answer.json()["filename"], answer.json()["kind"]) == (201, "my film.mp4", "video")
    assert answer.headers["location"] == f"/v1/uploads/{answer.json()['id']}"
    again = await client.post("/v1/uploads", files=film, headers=keyed)
    assert again.json() == answer.json()
    other = await client.post("/v1/uploads", files={"file": ("b.png", PNG)}, headers=keyed)
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert [each.name for each in (app_state.settings.data / "media" / "uploads").iterdir()] == [answer.json()["id"]]


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ([("file", ("a.heic", b"no picture known"))], 415, "one of PNG, JPEG, WEBP, MP4"),
        ([("file", ("a.png", PNG[:60]))], 422, "damaged"),
        ([("film", ("a.mp4", FILM))], 422, "`film` is no field"),
        ([("file", ("a.png", PNG)), ("file", ("b.png", PNG))], 422, "one file"),
        ([("file", ("a.png", PNG)), ("purpose", (None, "vision"))], 422, "`purpose` is no field"),
    ],
)
async def test_a_form_that_cannot_be_used_leaves_nothing(
    client: httpx.AsyncClient, app_state: AppState, account: Person, files: Any, status: int, words: str
) -> None:
    answer = await client.post("/v1/uploads", files=files, headers=account.headers)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert not (app_state.settings.data / "media" / "uploads").exists()
    assert not (work := app_state.settings.data / "work").exists() or not list(work.iterdir())


async def test_what_is_neither_form_nor_tus_is_refused(client: httpx.AsyncClient, account: Person) -> None:
    answer = await client.post("/v1/uploads", json={"file": "x"}, headers=account.headers)
    assert (answer.status_code, answer.headers["accept"]) == (415, "multipart/form-data")


async def test_a_picture_is_used_wherever_one_may_be(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    picture = (await sent(client, account, PNG))["id"]
    bodies: list[dict[str, Any]] = [
        {"input_reference": {"file_id": picture}},
        {"first_frame": picture, "last_frame": {"file_id": picture}},
        {"storyboard": [{"at": 1, "upload": {"file_id": picture}}]},
        {"storyboard": [{"at": 1, "upload": picture}]},
    ]
    for wanted in bodies:
        answer = await post(client, account, "", {"prompt": "a ball", **wanted})
        assert answer.status_code == 200, answer.text
    form = {"prompt": "a ball", "first_frame": picture}
    assert (await client.post("/v1/videos", data=form, headers=account.headers)).status_code == 200
    preset = {"name": "ours", "prompt": "flat", "image": {"file_id": picture}}
    assert (await client.post("/v1/presets", json=preset, headers=account.headers)).status_code == 201
    await client.delete(f"/v1/uploads/{picture}", headers=account.headers)
    pictures, _ = await app_state.lifecycle.load_inputs(await claim(app_state))
    [kept] = pictures
    with Image.open(app_state.storage.path(kept.key)) as image:
        assert (image.size, image.format) == ((200, 120), "PNG")


async def test_a_film_is_used_wherever_a_video_may_be(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    film = (await sent(client, account, FILM))["id"]
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("extensions", {"video": film, "seconds": 1, "prompt": "on"}),
        ("edits", {"video": {"id": film}, "prompt": "green"}),
        (f"{film}/remix", {"prompt": "at night"}),
        ("blends", {"from": film, "to": {"id": film}, "prompt": "both"}),
        ("", {"prompt": "a ball", "storyboard": [{"at": 0, "video": film}]}),
        ("estimate", {"video": film, "seconds": 1, "prompt": "on"}),
    ]
    for path, said in wanted:
        answer = await post(client, account, path, said)
        assert answer.status_code == 200, (path, answer.text)
    first = (await client.get("/v1/videos?order=asc&limit=1", headers=account.headers)).json()["data"][0]
    assert (first["seconds"], first["size"], first["parents"]) == ("2", "192x320", [])
    await client.delete(f"/v1/uploads/{film}", headers=account.headers)
    [kept] = (await app_state.lifecycle.load_inputs(await claim(app_state)))[1]
    assert Footage(24).length(app_state.storage.path(kept.key)) == 24


async def test_what_cannot_be_used_is_refused_by_name(client: httpx.AsyncClient, account: Person) -> None:
    picture, film = (await sent(client, account, PNG))["id"], (await sent(client, account, FILM))["id"]
    theirs = (await sent(client, await sign_up(client), PNG))["id"]
    coming = (await begin(client, account, 100)).rpartition("/")[2]
    broken = await begin(client, account, 5)
    await append(client, account, broken, 0, b"words")
    refused = broken.rpartition("/")[2]
    cases: list[tuple[str, dict[str, Any], int, str, str, str]] = [
        ("edits", {"video": picture}, 422, "invalid", "video", "takes a video"),
        ("blends", {"from": film, "to": picture}, 422, "invalid", "to", "takes a video"),
        ("", {"first_frame": film}, 422, "invalid", "first_frame", "takes an image"),
        ("", {"last_frame": {"file_id": film}}, 422, "invalid", "last_frame.file_id", "takes an image"),
        ("", {"first_frame": coming}, 409, "upload_not_ready", "first_frame", "0 of its 100 bytes"),
        ("edits", {"video": coming}, 409, "upload_not_ready", "video", "0 of its 100 bytes"),
        ("edits", {"video": {"id": refused}}, 422, "invalid", "video", "MP4"),
        ("", {"first_frame": theirs}, 404, "not_found", "first_frame", "no upload"),
        ("edits", {"video": theirs}, 404, "not_found", "video", "no upload"),
        ("", {"first_frame": "kite.jpg"}, 404, "not_found", "first_frame", "no upload 'kite.jpg'"),
        ("", {"first_frame": {"file_id": picture, "image_url": "data:"}}, 422, "invalid", "first_frame", "one of your"),
        ("", {"first_frame": {}}, 422, "invalid", "first_frame", "one of your"),
    ]
    for path, said, status, code, param, words in cases:
        answer = await post(client, account, path, {"prompt": "a ball", **said})
        problem = answer.json()
        assert (answer.status_code, problem["error"]["code"], problem["param"]) == (status, code, param), problem
        assert words in problem["detail"]


async def test_a_page_of_another_origin_may_send_and_read_what_it_needs(
    base_settings: Settings, app_state: AppState
) -> None:
    app = create_app(msgspec.structs.replace(base_settings, cors_origins=["https://app.example.org"]))
    app.state.app_state = app_state
    origin = {"Origin": "https://app.example.org"}
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,upload-offset"}
    asgi: Any = app
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://test") as browser:
        preflight = await browser.options("/v1/uploads/upload_x", headers=origin | asked)
        assert preflight.status_code == 204
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert "upload-offset" in preflight.headers["access-control-allow-headers"].lower()
        account = await sign_up(browser)
        headers = account.headers | TUS | origin | {"Upload-Length": "5"}
        created = await browser.post("/v1/uploads", headers=headers)
    readable = created.headers["access-control-expose-headers"].lower().replace(" ", "").split(",")
    assert {"location", "upload-offset", "upload-expires", "tus-resumable"} <= set(readable)
    assert created.headers["access-control-allow-origin"] == "https://app.example.org"
