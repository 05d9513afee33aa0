"""Parses server-sent events, as the HTML standard defines them, from chunks of bytes. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class ServerSentEvent(NamedTuple):
    """One event: name, data, the id to resume from, and the delay before reconnecting in milliseconds."""

    event: str
    data: str
    id: str | None
    retry: int | None


class SSEParser:
    """Turns bytes, however they are split into chunks, into events."""

    def __init__(self) -> None:
        self._buffer = b""
        self._started = False
        self._id: str | None = None
        self._name = ""
        self._data: list[str] = []
        self._retry: int | None = None

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that are complete with this chunk."""
        text = self._buffer + chunk
        if not self._started and len(text) >= 3:
            text, self._started = text.removeprefix(b"\xef\xbb\xbf"), True
        # A carriage return at the very end may be the first half of CRLF.
        complete, self._buffer = (text[:-1], text[-1:]) if text.endswith(b"\r") else (text, b"")
        *lines, last = complete.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._buffer = last + self._buffer
        for line in lines:
            if event := self._parse_line(line.decode("utf-8", "replace")):
                yield event

    def _parse_line(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._take_event()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self._retry = int(value)
        return None

    def _take_event(self) -> ServerSentEvent | None:
        event = None
        if self._data:
            event = ServerSentEvent(self._name or "message", "\n".join(self._data), self._id, self._retry)
        self._name, self._data, self._retry = "", [], None
        return event
