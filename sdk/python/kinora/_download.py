"""Files to disk: into a part beside the target, on from where it broke off, and into place when whole.

A part belongs to one version of the file, by its ETag, so that a download goes on in another process too and never
mixes two versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinora._calls import Call, Config, Prepared, answered, prepared
from kinora._errors import ConnectionFailed
from kinora._flow import Ask, Flow

Progress = Callable[[int, int], Any]
"""Hears how many bytes are there, and of how many."""


def download(config: Config, wanted: Call[Any], target: Path, on_progress: Progress | None) -> Flow[Path]:
    """Save an answer's body as `target`. Raises KinoraError, OSError."""
    request, fruitless = prepared(config, wanted), 0
    part, etag, have = target, "", 0
    while True:
        response, body = yield from answered(config, _from(request, etag, have), "open")
        begin = have if response.status_code == 206 else 0
        whole = begin + int(response.headers["content-length"])
        if response.headers.get("etag", "") != etag:
            etag = response.headers.get("etag", "")
            part = part_of(target, etag)
            have = part.stat().st_size if etag and part.exists() else 0
            if have:  # an earlier try left this much of the same file
                yield Ask("close", (response,))
                if have < whole:
                    continue
                begin = whole
        have = begin
        if begin < whole:
            have = yield from _save(part, body, begin, whole, on_progress)
        if have >= whole:
            part.replace(target)
            return target
        fruitless = 0 if have > begin else fruitless + 1
        if fruitless > config.max_retries:
            raise ConnectionFailed(f"The download of {target.name} broke off again and again; {have} bytes are there.")


def _from(request: Prepared, etag: str, have: int) -> Prepared:
    """The request for what is missing, if the file is still the one the part is of."""
    if not have:
        return request
    return request._replace(headers={**request.headers, "range": f"bytes={have}-", "if-range": etag})


def part_of(target: Path, etag: str) -> Path:
    """Where the bytes of one version of a file wait for the rest."""
    version = hashlib.sha256(etag.encode()).hexdigest()[:12]
    return target.with_name(f".{target.name}.{version}.part")


def _save(part: Path, body: Any, begin: int, whole: int, on_progress: Progress | None) -> Flow[int]:
    """Write what comes; how many bytes are there when it ends or breaks."""
    have = begin
    with part.open("r+b" if begin else "wb") as file:
        file.seek(begin)
        while (chunk := (yield from _chunk(body))) is not None:
            yield Ask("write", (file, chunk))
            have += len(chunk)
            if on_progress is not None:
                yield Ask("tell", (on_progress, have, whole))
        file.truncate()
    return have


def _chunk(body: Any) -> Flow[bytes | None]:
    """The next bytes; None at the end, and where the connection breaks."""
    try:
        chunk: bytes | None = yield Ask("chunk", (body,))
    except ConnectionFailed:
        return None
    return chunk
