"""Bodies that come slowly, or stop coming. Hours pass in no time."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from api.http.body import JSON, MULTIPART
from tests.api.http.test_body import app
from tests.support.virtual_time import run_in_virtual_time


def send_slowly(pieces: list[bytes], pause: float, kind: str) -> tuple[int, dict[str, Any]]:
    """The status and body of the response to a request whose pieces arrive after so many seconds each."""
    sent, answer = iter(pieces), [0, b""]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        piece = next(sent, None)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece != pieces[-1]}

    async def send(message: Any) -> None:
        answer[0] = message.get("status", answer[0])
        answer[1] = message.get("body", b"")

    scope = {"type": "http", "method": "POST", "path": "/read", "query_string": b"", "headers": [], "root_path": ""}
    scope["headers"] = [(b"content-type", kind.encode())]
    asgi: Any = app
    run_in_virtual_time(asgi(scope, receive, send))
    return cast("int", answer[0]), json.loads(cast("bytes", answer[1]))


@pytest.mark.parametrize("kind", [JSON, f"{MULTIPART}; boundary=B"])
def test_a_slow_body_is_read_as_long_as_it_keeps_coming(kind: str) -> None:
    form = b'--B\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nslow\r\n--B--'
    whole = form if kind != JSON else b'{"prompt": "slow"}'
    pieces = [whole[index : index + 2] for index in range(0, len(whole), 2)] + [b""]
    status, answer = send_slowly(pieces, 50.0, kind)
    assert (status, answer["prompt"]) == (200, "slow"), "minutes in total, but never a minute of silence"


def test_a_body_that_stops_coming_is_refused() -> None:
    status, answer = send_slowly([b'{"prompt": ', b""], 61.0, JSON)
    assert (status, answer["error"]["code"]) == (400, "malformed")
    assert "60 seconds" in answer["detail"]
