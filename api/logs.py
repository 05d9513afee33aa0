"""Structured logging: one JSON object per line on stderr, with the fields listed here and no others.

Of a field that is not listed only the name is kept, so that a prompt, a token, an address or a signed URL cannot be
logged by accident. For the same reason an exception is logged as its type and the lines it passed, never its message,
and a record of a library as the template of its message, without the values.
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
    *("video_id", "attempt", "tries", "losses", "state", "failure", "seconds", "bytes", "count", "media_kind"),
    *("worker", "pool", "model", "pid", "exit_code", "signal", "task", "outcome"),
    *("stripe_event_id", "event_type", "stripe_request_id", "customer_id", "subscription_id"),
    *("entry_id", "entry_ids", "credits", "event_count", "subscription_count", "error_count", "error_types"),
    *("code", "error", "trace", "dropped"),
}
MAX_LENGTH = 200  # characters of a value
MAX_TRACE_LINES = 30

_LEVELS = logging.getLevelNamesMapping()


def configure_logging(level: str = "info", stream: BinaryIO | None = None) -> None:
    """Write the log of this process and its libraries to the stream. `level` is a level name of `logging`."""
    threshold = _LEVELS[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _replace_exception,
            _render_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(stream or sys.stderr.buffer),
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler()]
    # Libraries log only warnings and above.
    root.setLevel(max(threshold, logging.WARNING))


def exception_trace(error: BaseException) -> list[str]:
    """The stack of an exception and its causes, the innermost last, as `file:line function`."""
    return [line for link in reversed(list(_cause_chain(error))) for line in _frame_lines(link)][-MAX_TRACE_LINES:]


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _frame_lines(error: BaseException) -> Iterator[str]:
    yield type(error).__qualname__
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{'/'.join(frame.filename.rsplit('/', 3)[-3:])}:{frame.lineno} {frame.name}"


def _replace_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by `error` and `trace`."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        event["trace"] = exception_trace(error)
    return event


def _render_line(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """Render the listed fields as JSON, and of the others the names."""
    line: dict[str, Any] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
    line |= {name: _truncate_value(value) for name, value in event.items() if name in FIELDS}
    if dropped := event.keys() - FIELDS:
        line["dropped"] = sorted(dropped)
    return msgspec.json.encode(line, enc_hook=_type_name)


def _truncate_value(value: Any) -> Any:
    return value[:MAX_LENGTH] if isinstance(value, str) else value


def _type_name(value: Any) -> str:
    """The type in place of a value without JSON form, whose text might contain anything."""
    return type(value).__qualname__


class _LibraryHandler(logging.Handler):
    """Handler of the standard library's logging, for records of libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        template = str(record.msg).partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().log(record.levelno, template, logger=record.name, exc_info=error)
