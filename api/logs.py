"""The log: one JSON object a line on stderr, made of the fields named here and of nothing else.

A field that is not on the list is dropped and only its name is kept, so that a prompt, a token, an address or
a signed URL cannot get in by being handed over. For the same reason an exception is its type and the lines it
passed, never its message, and a library's record is the template of its message without the values.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

FIELDS = {
    *("time", "level", "event", "logger", "request_id", "user_id"),
    *("method", "route", "status", "ms"),
    *("video_id", "attempt", "tries", "losses", "state", "failure", "seconds", "bytes", "count"),
    *("worker", "pool", "model", "pid", "exit_code", "signal", "task", "outcome"),
    *("code", "error", "trace", "dropped"),
}
LONGEST = 200

_LEVELS = logging.getLevelNamesMapping()


def configure(level: str = "info", stream: BinaryIO | None = None) -> None:
    """Send this process's log, ours and the libraries', to the stream. `level` is one of logging's names."""
    threshold = _LEVELS[level.upper()]
    out = stream or sys.stderr.buffer
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _without_message,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(out),
    )
    root = logging.getLogger()
    root.handlers = [_Foreign()]
    # A library's chatter below warning is its own business.
    root.setLevel(max(threshold, logging.WARNING))


def trace(error: BaseException) -> list[str]:
    """The lines an exception and its causes passed, the innermost last: `file:line function`."""
    return [line for link in reversed(list(_chain(error))) for line in _frames(link)][-30:]


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _frames(error: BaseException) -> Iterator[str]:
    yield type(error).__qualname__
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{'/'.join(frame.filename.rsplit('/', 3)[-3:])}:{frame.lineno} {frame.name}"


def _without_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """`exc_info` becomes `error` and `trace`."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        event["trace"] = trace(error)
    return event


def _line(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """The listed fields as JSON; of the others their names."""
    line: dict[str, Any] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
    line |= {name: _short(value) for name, value in event.items() if name in FIELDS}
    if dropped := event.keys() - FIELDS:
        line["dropped"] = sorted(dropped)
    return msgspec.json.encode(line, enc_hook=_kind)


def _short(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value


def _kind(value: Any) -> str:
    """What has no JSON form is named by its type: its text might be anything."""
    return type(value).__qualname__


class _Foreign(logging.Handler):
    """Records of the libraries, which log through the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        template = str(record.msg).partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().log(record.levelno, template, logger=record.name, exc_info=error)
