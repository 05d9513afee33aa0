"""Conditional requests for files, where a client knows only the date."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.http.file_response import FileRequestHeaders, ServedFile, respond_with_file

MODIFIED = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
SAME = "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-modified-since": SAME}, 304),
        ({"if-modified-since": "Mon, 02 Mar 2026 12:00:00 GMT"}, 304),
        ({"if-modified-since": "Sun, 01 Mar 2026 11:59:59 GMT"}, 200),
        ({"if-modified-since": "Sunday, 01-Mar-26 12:00:00 GMT"}, 304),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": ""}, 200),
        ({"if-modified-since": SAME, "if-none-match": '"other"'}, 200),
        ({"if-modified-since": "Sun, 01 Mar 2020 12:00:00 GMT", "if-none-match": 'W/"tag"'}, 304),
        ({}, 200),
    ],
)
async def test_a_client_that_has_the_file_is_told_so(headers: dict[str, str], status: int, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"clip")
    file = ServedFile(path, "video/mp4", 4, '"tag"', MODIFIED)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "GET"}
    receive: Any = None
    await respond_with_file(file, FileRequestHeaders.from_headers(headers))(scope, receive, send)
    assert sent[0]["status"] == status
    assert b"".join(message.get("body", b"") for message in sent) == (b"clip" if status == 200 else b"")
