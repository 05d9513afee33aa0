"""Resumable uploads (tus 1.0): read from disk in chunks and continued where they broke off.

The server says how much of an upload has arrived, so nothing is remembered here: after any failure it is asked, and
another process may continue what this one began.
"""

from __future__ import annotations

import io
import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from kinora._decoding import json_decoder
from kinora._download import Progress
from kinora._errors import (
    ConnectionFailed,
    KinoraError,
    TimedOut,
    UploadRefused,
    build_api_error,
    parse_retry_after,
)
from kinora._files import UNKNOWN_TYPE, split_file
from kinora._request import (
    ApiCall,
    CallOptions,
    ClientConfig,
    PreparedRequest,
    build_path,
    prepare_request,
    resource_id,
)
from kinora._retries import MAX_RETRY_AFTER, RETRIED_STATUSES, fetch_with_retries, retry_delay, send_call
from kinora._sansio import Fetch, Flow, Notify, ReadFile, Sleep, perform

if TYPE_CHECKING:
    from kinora.types import Upload

INSPECTION_TIMEOUT = 180.0  # seconds the server may take to inspect a file that has arrived
POLL_INTERVAL = 1.0  # seconds between two requests for its outcome
TUS = {"tus-resumable": "1.0.0"}
RESUMABLE_STATUSES = RETRIED_STATUSES | {400, 409, 423}
"""Responses to a chunk after which the server is asked for its offset: broken off, sent twice, or locked."""


class FileSource(NamedTuple):
    """An open file that can be read again: its name, the position of its first byte to send, and how many follow."""

    name: str
    media_type: str
    file: BinaryIO
    start: int
    length: int


@contextmanager
def open_source(value: Any) -> Iterator[FileSource]:
    """Open a file to send; closed at the end of the block if it was opened here. Raises OSError, TypeError."""
    name, content, media_type, _ = split_file(value)
    if isinstance(content, PathLike):
        with Path(fspath(content)).open("rb") as file:
            yield _file_source(name, media_type, file)
    elif isinstance(content, (bytes, bytearray, memoryview)):
        yield _file_source(name, media_type, io.BytesIO(content))
    else:
        seekable = content if content.seekable() else io.BytesIO(content.read())
        yield _file_source(name, media_type, seekable)


def _file_source(name: str, media_type: str, file: BinaryIO) -> FileSource:
    start = file.tell()
    return FileSource(name, media_type, file, start, file.seek(0, os.SEEK_END) - start)


def create_upload(
    config: ClientConfig,
    file: Any,
    *,
    options: CallOptions,
    on_created: Callable[[Upload], Any] | None,
    on_progress: Progress | None,
) -> Flow[Upload]:
    """Send a file; its upload once the server has inspected it. Raises UploadRefused, KinoraError, OSError."""
    if options.timeout is not None:
        config = config._replace(timeout=options.timeout)  # for every request of the upload
    with open_source(file) as source:
        upload = yield from _register_upload(config, source, options)
        if on_created is not None:
            yield Notify(on_created, (upload,))
        yield from _UploadTransfer(config, upload, source, on_progress).send_missing()
    return (yield from _await_inspection(config, upload))


def resume_upload(config: ClientConfig, upload: Any, file: Any, *, on_progress: Progress | None) -> Flow[Upload]:
    """Continue an upload of the same file. Raises ValueError for another file, and what `create_upload` raises."""
    with open_source(file) as source:
        known = yield from send_call(config, _get_upload(upload))
        if known.bytes != source.length:
            raise ValueError(f"{known.id} is of a file of {known.bytes} bytes, and this one has {source.length}.")
        yield from _UploadTransfer(config, known, source, on_progress).send_missing()
    return (yield from _await_inspection(config, known))


def _register_upload(config: ClientConfig, source: FileSource, options: CallOptions) -> Flow[Upload]:
    """Create the upload on the server, once however often the request is repeated."""
    from kinora.types import Upload

    call = ApiCall("POST", "/v1/uploads", json_decoder(Upload), idempotent=True, options=options)
    metadata = {"filename": source.name}
    if source.media_type != UNKNOWN_TYPE:
        metadata["filetype"] = source.media_type
    pairs = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in metadata.items())
    headers = {**TUS, "upload-length": str(source.length), "upload-metadata": pairs}
    response = yield from fetch_with_retries(config, prepare_request(config, call).with_headers(headers))
    return call.decode(response.content)


class ChunkResult(NamedTuple):
    """What one PATCH came to: the offset it reached, or the error and the server's Retry-After in seconds."""

    offset: int
    error: KinoraError | None = None
    retry_after: float | None = None


class _UploadTransfer:
    """Sends the missing bytes of an upload. Attempts in a row that bring nothing count as stalled."""

    def __init__(self, config: ClientConfig, upload: Upload, source: FileSource, on_progress: Progress | None) -> None:
        self._config = config
        self._upload = upload
        self._source = source
        self._on_progress = on_progress
        self._offset = upload.offset
        self._most = upload.offset
        self._stalled = 0

    def send_missing(self) -> Flow[None]:
        """Send chunk after chunk. Raises KinoraError after `max_retries` stalled attempts, ValueError, OSError."""
        while self._offset < self._upload.bytes:
            result = yield from self._send_chunk((yield from self._read_chunk()))
            if result.error is None:
                reached = result.offset
            else:
                yield from self._pause_after(result, result.error)
                reached = yield from self._fetch_offset()
            yield from self._record_offset(reached)

    def _read_chunk(self) -> Flow[bytes]:
        length = min(self._config.upload_chunk_size, self._upload.bytes - self._offset)
        chunk = yield from perform(ReadFile(self._source.file, self._source.start + self._offset, length))
        if not chunk:
            raise ValueError(f"{self._source.name} became shorter while it was being sent.")
        return chunk

    def _send_chunk(self, chunk: bytes) -> Flow[ChunkResult]:
        """One PATCH, sent once. Raises APIError where retrying is of no use."""
        headers = {"upload-offset": str(self._offset), "content-type": "application/offset+octet-stream"}
        request = self._prepare("PATCH").with_headers(headers)._replace(content=chunk)
        try:
            response = yield from perform(Fetch(request))
        except ConnectionFailed as error:
            return ChunkResult(self._offset, error)
        if response.status_code < 400:
            return ChunkResult(int(response.headers["upload-offset"]))
        failure = build_api_error(response.status_code, response.content, response.headers)
        if failure.status not in RESUMABLE_STATUSES:
            raise failure
        return ChunkResult(self._offset, failure, parse_retry_after(response.headers.get("retry-after")))

    def _pause_after(self, result: ChunkResult, error: KinoraError) -> Flow[None]:
        if self._stalled >= self._config.max_retries or (result.retry_after or 0.0) > MAX_RETRY_AFTER:
            raise error
        yield Sleep(retry_delay(self._config.retry_pause, self._stalled, result.retry_after))

    def _fetch_offset(self) -> Flow[int]:
        response = yield from fetch_with_retries(self._config, self._prepare("HEAD"))
        return int(response.headers["upload-offset"])

    def _record_offset(self, reached: int) -> Flow[None]:
        self._offset, self._stalled = reached, 0 if reached > self._most else self._stalled + 1
        self._most = max(self._most, reached)
        if self._on_progress is not None and not self._stalled:
            yield Notify(self._on_progress, (reached, self._upload.bytes))

    def _prepare(self, method: str) -> PreparedRequest:
        call = ApiCall(method, build_path("/v1/uploads/{}", self._upload.id), len)
        return prepare_request(self._config, call).with_headers(TUS)


def _await_inspection(
    config: ClientConfig, upload: Upload, clock: Callable[[], float] = time.monotonic
) -> Flow[Upload]:
    """The upload once the server has inspected it. Raises UploadRefused, TimedOut."""
    deadline = clock() + INSPECTION_TIMEOUT
    while (current := (yield from send_call(config, _get_upload(upload)))).status == "receiving":
        if clock() >= deadline:
            raise TimedOut(f"{current.id} has arrived, but the server has not finished inspecting it.")
        yield Sleep(POLL_INTERVAL)
    if current.status == "refused":
        raise UploadRefused(current)
    return current


def _get_upload(upload: Any) -> ApiCall[Upload]:
    from kinora.types import Upload

    return ApiCall("GET", build_path("/v1/uploads/{}", resource_id(upload)), json_decoder(Upload))
