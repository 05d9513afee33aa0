"""Files to the server, a piece at a time (tus 1.0): read from the disk as they go, and on from where they broke off.

The server says how far an upload has come, so nothing is remembered here: after any trouble it is asked, and another
process may go on with what this one began.
"""

from __future__ import annotations

import io
import mimetypes
import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from kinora._download import Progress
from kinora._errors import ConnectionFailed, KinoraError, TimedOut, UploadRefused, error_of, seconds
from kinora._request import (
    LONGEST_ASKED,
    REPEATED,
    Call,
    Config,
    Options,
    Prepared,
    answered,
    call,
    id_of,
    path,
    pause,
    prepared,
    reader,
)
from kinora._sansio import Ask, Flow

if TYPE_CHECKING:
    from kinora.types import Upload

CHUNK = 4 * 2**20  # bytes of one request: what is in memory, and what a broken connection costs at most
LOOKED_AT = 180.0  # seconds the server may take to look at a file that is whole
PAUSE = 1.0  # seconds between two questions whether it has
TUS = {"tus-resumable": "1.0.0"}
GOES_ON = REPEATED | {400, 409, 423}
"""Answers to a piece after which the server is asked how far it is: what breaks off, what came twice, what is busy."""


class Source(NamedTuple):
    """An open file that can be read again: its name, where what is sent begins, and how many bytes that is."""

    name: str
    file: BinaryIO
    begin: int
    length: int


@contextmanager
def opened(given: Any) -> Iterator[Source]:
    """A file to send, of whatever kind; closed at the end if it was opened here. Raises OSError, TypeError."""
    name, content = given if isinstance(given, tuple) else ("", given)
    if isinstance(content, PathLike):
        with Path(fspath(content)).open("rb") as file:
            yield _source(name or Path(fspath(content)).name, file)
    elif isinstance(content, (bytes, bytearray)):
        yield _source(name, io.BytesIO(content))
    elif isinstance(content, io.TextIOBase):
        raise TypeError("A file to send must be opened in binary mode: open(path, 'rb').")
    else:
        seekable = content if content.seekable() else io.BytesIO(content.read())
        yield _source(name or Path(str(getattr(content, "name", ""))).name, seekable)


def _source(name: str, file: BinaryIO) -> Source:
    begin = file.tell()
    return Source(name or "file", file, begin, file.seek(0, os.SEEK_END) - begin)


def create(
    config: Config,
    file: Any,
    *,
    options: Options,
    on_created: Callable[[Upload], Any] | None,
    on_progress: Progress | None,
) -> Flow[Upload]:
    """Send a file; give the upload once the server knows what it is. Raises UploadRefused, KinoraError, OSError."""
    if options.timeout is not None:
        config = config._replace(timeout=options.timeout)  # for every request of it
    with opened(file) as source:
        upload = yield from _begun(config, source, options)
        if on_created is not None:
            yield Ask("tell", (on_created, upload))
        return (yield from _sent(config, upload, source, on_progress))


def resume(config: Config, upload: Any, file: Any, *, on_progress: Progress | None) -> Flow[Upload]:
    """Go on with an upload of the same file. Raises ValueError for another, and what `create` does."""
    with opened(file) as source:
        known = yield from call(config, _reading(upload))
        if known.bytes != source.length:
            raise ValueError(f"{known.id} is of a file of {known.bytes} bytes, and this one has {source.length}.")
        return (yield from _sent(config, known, source, on_progress))


def _begun(config: Config, source: Source, options: Options) -> Flow[Upload]:
    """A place for the file, made once however often it is asked for."""
    from kinora.types import Upload

    wanted = Call("POST", "/v1/uploads", reader(Upload), once=True, options=options)
    said = {"filename": source.name, "filetype": mimetypes.guess_type(source.name)[0] or ""}
    pairs = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in said.items() if value)
    headers = {**TUS, "upload-length": str(source.length), "upload-metadata": pairs}
    response = yield from answered(config, _with(prepared(config, wanted), headers), "fetch")
    return wanted.read(response.content)


def _sent(config: Config, upload: Upload, source: Source, on_progress: Progress | None) -> Flow[Upload]:
    """Bring what is missing. Tries that bring nothing on are counted; any piece that arrives begins the count anew."""
    offset = best = upload.offset
    fruitless = 0
    while offset < upload.bytes:
        chunk = yield Ask("read", (source.file, source.begin + offset, min(CHUNK, upload.bytes - offset)))
        if not chunk:
            raise ValueError(f"{source.name} has become shorter while it was sent.")
        reached, trouble, wait = yield from _piece(config, upload, offset, chunk)
        if trouble is not None:
            if fruitless >= config.max_retries or (wait or 0.0) > LONGEST_ASKED:
                raise trouble
            yield Ask("sleep", (pause(config.retry_pause, fruitless, wait),))
            reached = yield from _reached(config, upload)
        offset, fruitless = reached, 0 if reached > best else fruitless + 1
        best = max(best, offset)
        if on_progress is not None and not fruitless:
            yield Ask("tell", (on_progress, offset, upload.bytes))
    return (yield from _looked_at(config, upload))


def _piece(config: Config, upload: Upload, offset: int, chunk: bytes) -> Flow[tuple[int, KinoraError | None, Any]]:
    """One PATCH, sent once: where the upload ends now, or the trouble and how long the server wants to be left alone.

    Raises APIError where going on is of no use.
    """
    headers = {**TUS, "upload-offset": str(offset), "content-type": "application/offset+octet-stream"}
    request = _with(_request(config, upload, "PATCH"), headers)._replace(content=chunk)
    try:
        response = yield Ask("fetch", (request,))
    except ConnectionFailed as error:
        return offset, error, None
    if response.status_code < 400:
        return int(response.headers["upload-offset"]), None, None
    trouble = error_of(response.status_code, response.content, response.headers)
    if trouble.status not in GOES_ON:
        raise trouble
    return offset, trouble, seconds(response.headers.get("retry-after"))


def _reached(config: Config, upload: Upload) -> Flow[int]:
    """How far the server is."""
    response = yield from answered(config, _with(_request(config, upload, "HEAD"), TUS), "fetch")
    return int(response.headers["upload-offset"])


def _looked_at(config: Config, upload: Upload, clock: Callable[[], float] = time.monotonic) -> Flow[Upload]:
    """The upload once it is known what it is."""
    until = clock() + LOOKED_AT
    while (now := (yield from call(config, _reading(upload)))).status == "receiving":
        if clock() >= until:
            raise TimedOut(f"{now.id} has arrived, and the server does not say what it is.")
        yield Ask("sleep", (PAUSE,))
    if now.status == "refused":
        raise UploadRefused(now)
    return now


def _reading(upload: Any) -> Call[Upload]:
    from kinora.types import Upload

    return Call("GET", path("/v1/uploads/{}", id_of(upload)), reader(Upload))


def _request(config: Config, upload: Upload, method: str) -> Prepared:
    return prepared(config, Call(method, path("/v1/uploads/{}", upload.id), len))


def _with(request: Prepared, headers: dict[str, str]) -> Prepared:
    return request._replace(headers={**request.headers, **headers})
