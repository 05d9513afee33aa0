"""Files to disk: into a part beside the target, on from where it broke off, and into place when whole.

A part goes on in another process too, and never mixes two versions. Only bytes as they are stored can be counted, so a
download asks for no encoding, and begins anew where there is one, or no ETag, or no length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kinora._errors import ConnectionFailed, UnreadableAnswer
from kinora._partial_file import Part
from kinora._request import Call, Config, Prepared, answered, pause, prepared
from kinora._sansio import Ask, Flow

Progress = Callable[[int, int], Any]
"""Hears how many bytes are there, and of how many: 0 where the server does not say."""


class Head(NamedTuple):
    """What an answer says of its body: the version, where it begins, and the bytes of the whole, if they are known."""

    etag: str
    begin: int
    whole: int | None


def download(config: Config, wanted: Call[Any], target: Path, on_progress: Progress | None) -> Flow[Path]:
    """Save an answer's body as `target`. Raises KinoraError, OSError."""
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; name the file in it.")
    request, fruitless, most, part = _unencoded(prepared(config, wanted)), 0, 0, None
    try:
        while True:
            response, body = yield from answered(config, _from(request, part), "open")
            head = _head(response, 0 if part is None else part.have)
            if part is None or part.etag != head.etag:
                part = _anew(part, target, head.etag)
                if 0 < part.have < (head.whole or 0):  # an earlier try left this much of the same file
                    yield Ask("close", (response,))
                    continue
            if part.have == head.whole or (yield from _save(part, body, head, on_progress)):
                part.finish()
                return target
            yield Ask("close", (response,))
            fruitless, most = 0 if part.have > most else fruitless + 1, max(most, part.have)
            if fruitless > config.max_retries:
                raise ConnectionFailed(f"The download of {target.name} broke off again and again, at {most} bytes.")
            if fruitless:
                yield Ask("sleep", (pause(config.retry_pause, fruitless, None),))
    finally:
        if part is not None:
            part.leave()


def _unencoded(request: Prepared) -> Prepared:
    return request._replace(headers={**request.headers, "accept": "*/*", "accept-encoding": "identity"})


def _from(request: Prepared, part: Part | None) -> Prepared:
    """The request for what is missing, if the file is still the one the part is of."""
    if part is None or not (part.etag and part.have):
        return request
    return request._replace(headers={**request.headers, "range": f"bytes={part.have}-", "if-range": part.etag})


def _head(response: Any, have: int) -> Head:
    """Read an answer's head. A weak ETag names no bytes. Raises UnreadableAnswer for a part that was not asked for."""
    headers = response.headers
    encoded = headers.get("content-encoding", "identity") != "identity"
    etag = "" if encoded or headers.get("etag", "").startswith("W/") else headers.get("etag", "")
    begin = have if response.status_code == 206 else 0
    said = re.match(r"bytes (\d+)-", headers.get("content-range", ""))
    if begin and said and int(said[1]) != begin:
        raise UnreadableAnswer(f"The server sent bytes from {said[1]} where those from {begin} were asked for.")
    length = "" if encoded else headers.get("content-length", "")
    return Head(etag, begin, begin + int(length) if length.isdigit() else None)


def _anew(part: Part | None, target: Path, etag: str) -> Part:
    """The part of this version; one of another version is of no use any more."""
    if part is not None:
        part.drop()
    return Part(target, etag)


def _save(part: Part, body: Any, head: Head, on_progress: Progress | None) -> Flow[bool]:
    """Write what comes; whether the file is whole then, not broken off."""
    part.cut(head.begin)
    while True:
        try:
            chunk = yield Ask("chunk", (body,))
        except ConnectionFailed:
            return False
        if chunk is None:
            return head.whole is None or part.have == head.whole
        yield Ask("write", (part.file, chunk))
        part.have += len(chunk)
        if on_progress is not None:
            yield Ask("tell", (on_progress, part.have, head.whole or 0))
