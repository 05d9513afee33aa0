"""Uploads as clients send them: in one form, or in parts by tus 1.0."""

from __future__ import annotations

import base64
from typing import Any

import httpx

from tests.support.media_files import encode_video
from tests.support.users import Person
from tests.support.video_requests import png

TUS = {"Tus-Resumable": "1.0.0"}


TUS_BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


PNG = png(200, 120)


VIDEO = encode_video(1)


def upload_metadata(**values: str) -> dict[str, str]:
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
    return {"Upload-Metadata": ",".join(pairs)}


async def create_upload(client: httpx.AsyncClient, account: Person, length: int, **more: str) -> str:
    """Create an upload of `length` bytes that will come in parts; its URL."""
    headers = account.headers | TUS | {"Upload-Length": str(length)} | more
    answer = await client.post("/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def append_bytes(
    client: httpx.AsyncClient, account: Person, url: str, offset: int, content: Any, **more: str
) -> httpx.Response:
    headers = account.headers | TUS_BYTES | {"Upload-Offset": str(offset)} | more
    return await client.patch(url, content=content, headers=headers)


async def get_offset(client: httpx.AsyncClient, account: Person, url: str) -> int:
    answer = await client.head(url, headers=account.headers | TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


async def upload_form_file(
    client: httpx.AsyncClient, account: Person, content: bytes, name: str = ""
) -> dict[str, Any]:
    """Upload a file in one form."""
    answer = await client.post("/v1/uploads", files={"file": (name or "a", content)}, headers=account.headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def get_upload(client: httpx.AsyncClient, account: Person, url: str) -> dict[str, Any]:
    answer = await client.get(url, headers=account.headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
