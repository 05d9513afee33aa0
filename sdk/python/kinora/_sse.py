"""Server-sent events, as the HTML standard defines them, from chunks of bytes. Knows no socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event: its name, its data, the id to go on from, and the pause in milliseconds the server asks for."""

    event: str
    data: str
    id: str | None
    retry: int | None


class Parser:
    """Takes bytes as they come and gives the events that are complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._started = False
        self._id: str | None = None
        self._name = ""
        self._data: list[str] = []
        self._retry: int | None = None

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that end within this chunk."""
        text = self._rest + chunk
        if not self._started and len(text) >= 3:
            text, self._started = text.removeprefix(b"\xef\xbb\xbf"), True
        # A carriage return at the very end may be half of a line's end.
        whole, self._rest = (text[:-1], text[-1:]) if text.endswith(b"\r") else (text, b"")
        *lines, last = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = last + self._rest
        for line in lines:
            if event := self._line(line.decode("utf-8", "replace")):
                yield event

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._end()
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

    def _end(self) -> Event | None:
        event = Event(self._name or "message", "\n".join(self._data), self._id, self._retry) if self._data else None
        self._name, self._data, self._retry = "", [], None
        return event
