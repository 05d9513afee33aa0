"""Downloads that resume: bytes go to a partial file beside the target, which replaces the target once complete.

What cannot be replaced, such as a pipe, is written into instead, and only as far as one version of the file goes.

A later process resumes too, and versions of a file (by ETag) are never mixed. Only bytes as they are stored can be
counted, so a download asks for no content encoding, and starts over where there is one, or no ETag, or no length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kinora._errors import ConnectionFailed, UnreadableAnswer
from kinora._output_file import Output, OutputStream, check_output, open_output
from kinora._request import ApiCall, ClientConfig, PreparedRequest, prepare_request
from kinora._retries import open_with_retries, retry_delay
from kinora._sansio import CloseStream, Flow, Notify, ReadChunk, ResponseHead, Sleep, WriteFile, perform

Progress = Callable[[int, int], Any]
"""Called with the bytes transferred so far and the total, 0 where the server does not say."""

UNENCODED = {"accept": "*/*", "accept-encoding": "identity"}


class DownloadHeaders(NamedTuple):
    """A response's version of the file, the position of its first byte, and the file's size if known."""

    etag: str
    start: int
    total: int | None


def download_file(config: ClientConfig, call: ApiCall[Any], target: Path, on_progress: Progress | None) -> Flow[Path]:
    """Save the body of a call's response as `target`. Raises KinoraError, OSError."""
    check_output(target)
    download = _Download(config, prepare_request(config, call).with_headers(UNENCODED), target, on_progress)
    try:
        while not (yield from download.attempt()):
            pass
    finally:
        download.close()
    return target


class _Download:
    """One download over as many requests as it needs. Requests in a row that bring nothing count as stalled."""

    def __init__(
        self, config: ClientConfig, request: PreparedRequest, target: Path, on_progress: Progress | None
    ) -> None:
        self._config = config
        self._request = request
        self._target = target
        self._on_progress = on_progress
        self._output: Output | None = None
        self._stalled = 0
        self._most = 0

    def attempt(self) -> Flow[bool]:
        """Request what is missing and save it; True once the file is complete and in its place."""
        response = yield from open_with_retries(self._config, self._range_request())
        headers = parse_download_headers(response, 0 if self._output is None else self._output.size)
        output, is_new = yield from self._select_output(headers.etag)
        if is_new and 0 < output.size < (headers.total or 0):  # an earlier download left this much of the file
            yield CloseStream(response)
            return False
        if output.size == headers.total or (yield from self._save_body(output, response, headers)):
            self._complete(output)
            return True
        yield CloseStream(response)
        yield from self._pause_if_stalled(output)
        return False

    def _range_request(self) -> PreparedRequest:
        """The request for the missing bytes, on condition that the file is still the one that was begun."""
        output = self._output
        if output is None or not (output.etag and output.size):
            return self._request
        return self._request.with_headers({"range": f"bytes={output.size}-", "if-range": output.etag})

    def _select_output(self, etag: str) -> Flow[tuple[Output, bool]]:
        """What this version is written into, and whether it was opened now; what another version left is deleted."""
        if self._output is not None and (self._output.etag == etag or isinstance(self._output, OutputStream)):
            return self._output, False
        if self._output is not None:
            self._output.delete()
        self._output = yield from open_output(self._target, etag)
        return self._output, True

    def _save_body(self, output: Output, response: ResponseHead, headers: DownloadHeaders) -> Flow[bool]:
        """Write the body; True if the file is then complete, False if the connection broke."""
        output.truncate(headers.start)
        while True:
            try:
                chunk = yield from perform(ReadChunk(response))
            except ConnectionFailed:
                return False
            if chunk is None:
                return headers.total is None or output.size == headers.total
            yield from self._write_chunk(output, chunk)
            if self._on_progress is not None:
                yield Notify(self._on_progress, (output.size, headers.total or 0))

    def _write_chunk(self, output: Output, chunk: bytes) -> Flow[None]:
        try:
            yield WriteFile(output.file, chunk)
        except OSError as error:
            raise self._unwritable(output, error) from error
        output.size += len(chunk)

    def _complete(self, output: Output) -> None:
        try:
            output.complete()
        except OSError as error:
            raise self._unwritable(output, error) from error

    def _unwritable(self, output: Output, error: OSError) -> OSError:
        """The error with the name of the target; what has been written would only fill the disk further."""
        output.delete()
        return OSError(error.errno, error.strerror, str(self._target))

    def _pause_if_stalled(self, output: Output) -> Flow[None]:
        """Wait before the next request if this one brought nothing. Raises ConnectionFailed after too many of them."""
        self._stalled = 0 if output.size > self._most else self._stalled + 1
        self._most = max(self._most, output.size)
        if self._stalled > self._config.max_retries:
            raise ConnectionFailed(f"The download of {self._target.name} kept breaking off at {self._most} bytes.")
        if self._stalled:
            yield Sleep(retry_delay(self._config.retry_pause, self._stalled, None))

    def close(self) -> None:
        """Keep the partial file for a later download, or delete it if it is of no use."""
        if self._output is not None:
            self._output.close()


def parse_download_headers(response: ResponseHead, received: int) -> DownloadHeaders:
    """Read a response's headers. A weak ETag does not identify bytes. Raises UnreadableAnswer for a wrong range."""
    headers = response.headers
    encoded = headers.get("content-encoding", "identity") != "identity"
    etag = "" if encoded or headers.get("etag", "").startswith("W/") else headers.get("etag", "")
    start = received if response.status_code == 206 else 0
    content_range = re.match(r"bytes (\d+)-", headers.get("content-range", ""))
    if start and content_range and int(content_range[1]) != start:
        raise UnreadableAnswer(f"The server sent bytes from {content_range[1]}; requested were those from {start}.")
    length = "" if encoded else headers.get("content-length", "")
    return DownloadHeaders(etag, start, start + int(length) if length.isdigit() else None)
