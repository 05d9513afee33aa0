"""Resumable uploads over HTTP: tus 1.0 as it is specified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from api.app import create_app
from api.http.state import AppState
from api.settings import Settings
from api.storage.keys import received_key
from tests.support.uploads import (
    PNG,
    TUS,
    TUS_BYTES,
    VIDEO,
    append_bytes,
    create_upload,
    get_offset,
    get_upload,
    upload_metadata,
)
from tests.support.users import Person, sign_up


async def test_options_describe_the_protocol_without_authentication(
    client: httpx.AsyncClient, app_state: AppState
) -> None:
    for url in ("/v1/uploads", "/v1/uploads/upload_x"):
        answer = await client.options(url)
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,creation-with-upload,expiration,termination"
        assert answer.headers["tus-max-size"] == str(app_state.settings.max_upload)


async def test_an_image_is_uploaded_in_parts(client: httpx.AsyncClient, app_state: AppState, account: Person) -> None:
    said = upload_metadata(filename="C:\\pictures\\été.png", filetype="image/png")
    url = await create_upload(client, account, len(PNG), **said)
    first = await append_bytes(client, account, url, 0, PNG[:100])
    assert (first.status_code, first.content) == (204, b"")
    assert (first.headers["upload-offset"], first.headers["tus-resumable"]) == ("100", "1.0.0")
    assert first.headers["upload-expires"].endswith(" GMT")
    head = await client.head(url, headers=account.headers | TUS)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("100", str(len(PNG)))
    assert head.headers["upload-metadata"] == said["Upload-Metadata"]
    assert (head.headers["cache-control"], head.content) == ("no-store", b"")
    half = await get_upload(client, account, url)
    assert (half["status"], half["offset"], half["kind"], half["error"]) == ("receiving", 100, "unknown", None)
    assert (await append_bytes(client, account, url, 100, PNG[100:])).headers["upload-offset"] == str(len(PNG))
    whole = await get_upload(client, account, url)
    assert whole["id"] == url.rpartition("/")[2]
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


async def test_a_creation_may_contain_the_first_bytes(client: httpx.AsyncClient, account: Person) -> None:
    headers = account.headers | TUS_BYTES | {"Upload-Length": str(len(VIDEO))}
    answer = await client.post("/v1/uploads", headers=headers, content=VIDEO[:1000])
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "1000")
    url = answer.headers["location"]
    assert (await append_bytes(client, account, url, 1000, VIDEO[1000:])).status_code == 204
    film = await get_upload(client, account, url)
    assert (film["kind"], film["status"], film["width"], film["height"], film["seconds"]) == (
        "video",
        "ready",
        90,
        160,
        1,
    )
    answer = await client.post("/v1/uploads", headers=headers | {"Upload-Length": "3"}, content=b"abc")
    assert answer.json()["status"] == "refused"


async def test_a_repeated_creation_returns_the_first_upload(client: httpx.AsyncClient, account: Person) -> None:
    """A client that lost the answer to its creation finds what it has sent so far, and no second upload."""
    keyed = account.headers | TUS_BYTES | {"Upload-Length": "1000", "Idempotency-Key": "one"}
    first = await client.post("/v1/uploads", headers=keyed, content=b"x" * 10)
    again = await client.post("/v1/uploads", headers=keyed, content=b"x" * 10)
    assert (again.status_code, again.json()["id"], again.headers["upload-offset"]) == (
        201,
        first.json()["id"],
        "10",
    )
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
        ({**TUS_BYTES, "Upload-Length": "5", "Upload-Offset": "0"}, 413, "Upload-Length"),
    ],
)
async def test_an_invalid_creation_is_refused(
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
async def test_invalid_bytes_are_refused_and_change_nothing(
    client: httpx.AsyncClient, account: Person, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    url = await create_upload(client, account, 1000)
    assert (await append_bytes(client, account, url, 0, b"first")).status_code == 204
    answer = await append_bytes(client, account, url, 5, content, **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert await get_offset(client, account, url) == 5


async def test_more_bytes_than_announced_are_refused_without_a_content_length(
    client: httpx.AsyncClient, account: Person
) -> None:
    async def many() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 4

    url = await create_upload(client, account, 10)
    assert (await append_bytes(client, account, url, 0, many())).status_code == 413


async def test_a_complete_upload_takes_no_more_bytes(client: httpx.AsyncClient, account: Person) -> None:
    url = await create_upload(client, account, len(PNG))
    await append_bytes(client, account, url, 0, PNG)
    assert (await append_bytes(client, account, url, len(PNG), b"")).headers["upload-offset"] == str(len(PNG))
    assert (await append_bytes(client, account, url, len(PNG), b"x")).status_code == 413
    assert (await append_bytes(client, account, url, 0, PNG)).status_code == 409
    assert (await get_upload(client, account, url))["status"] == "ready"


async def test_an_upload_is_deleted_with_and_without_tus(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    folder = app_state.settings.data / "media" / "uploads"
    spoken, plain = [await create_upload(client, account, 10) for _ in range(2)]
    await append_bytes(client, account, spoken, 0, b"some")
    assert (await client.delete(spoken, headers=account.headers | TUS)).status_code == 204
    answer = await client.delete(plain, headers=account.headers)
    assert answer.json() == {"id": plain.rpartition("/")[2], "object": "upload.deleted", "deleted": True}
    assert not list(folder.iterdir())
    for url in (spoken, plain):
        assert (await client.delete(url, headers=account.headers | TUS)).status_code == 404
        assert (await client.head(url, headers=account.headers | TUS)).status_code == 404


async def test_a_post_may_override_its_method(client: httpx.AsyncClient, account: Person) -> None:
    url = await create_upload(client, account, 10)
    headers = account.headers | TUS_BYTES
    patch = headers | {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    assert (await client.post(url, headers=patch, content=b"abc")).headers["upload-offset"] == "3"
    assert (await client.post(url, headers=headers)).status_code == 405
    assert (await client.post(url, headers=headers | {"X-HTTP-Method-Override": "DELETE"})).status_code == 204
    assert (await client.head(url, headers=account.headers)).status_code == 404


async def test_another_users_upload_is_not_found(client: httpx.AsyncClient, account: Person) -> None:
    url = await create_upload(client, account, 10)
    other = await sign_up(client)
    assert (await client.head(url, headers=other.headers | TUS)).status_code == 404
    assert (await client.get(url, headers=other.headers)).status_code == 404
    assert (await append_bytes(client, other, url, 0, b"abc")).status_code == 404
    assert (await client.delete(url, headers=other.headers | TUS)).status_code == 404
    assert (await client.get("/v1/uploads", headers=other.headers)).json()["data"] == []
    assert (await client.get("/v1/uploads/upload_nonsense", headers=other.headers)).status_code == 404
    assert await get_offset(client, account, url) == 0


async def test_a_stalled_sender_releases_the_upload(
    client: httpx.AsyncClient, account: Person, app: Litestar, app_state: AppState
) -> None:
    async def mute() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.Event().wait()

    settings = msgspec.structs.replace(app_state.settings, upload_stall_timeout=0.05)
    app.state.app_state = app_state._replace(settings=settings)
    url = await create_upload(client, account, 100)
    answer = await append_bytes(client, account, url, 0, mute())
    assert (answer.status_code, await get_offset(client, account, url)) == (400, 3)
    assert (await append_bytes(client, account, url, 3, b"def")).headers["upload-offset"] == "6"


async def test_a_page_of_another_origin_may_use_the_upload_headers(
    base_settings: Settings, app_state: AppState
) -> None:
    app = create_app(msgspec.structs.replace(base_settings, cors_origins=["https://app.example.org"]))
    app.state.app_state = app_state
    origin = {"Origin": "https://app.example.org"}
    asked = {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,upload-offset",
    }
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
