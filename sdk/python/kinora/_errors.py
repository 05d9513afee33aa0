"""Everything this package raises.

KinoraError
├── APIError                    the server refused; carries its problem document (RFC 9457)
│   ├── BadRequest         400
│   ├── Unauthorized       401  no API key, or not a valid one
│   ├── InsufficientCredits 402 `cost` and `available` say what is missing
│   ├── Forbidden          403  a limit of the plan, or a scope the key lacks
│   ├── NotFound           404  also what belongs to somebody else
│   ├── Conflict           409  not in this state; `code` says which
│   ├── Expired            410  no longer kept
│   ├── TooLarge           413
│   ├── Invalid            422  `param` names the field at fault
│   ├── RateLimited        429  after the retries; `retry_after` says how long to leave it
│   └── ServerError        5xx  after the retries
│       └── Unavailable    503
├── UnreadableAnswer            an answer, but none of a Kinora server of this version
├── ConnectionFailed            no answer, after the retries
│   └── TimedOut                none in time
├── VideoFailed                 the job ended without a film; `video` says why
├── VideoCancelled              somebody stopped it; `video` as it was
├── UploadRefused               a file that was sent in and cannot be used; `upload` says why
├── WaitTimeout                 it is still being made; `video` as last seen, and the job goes on
└── WebhookError                a webhook that did not come from the server it claims
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from kinora.types import Upload, Video


class KinoraError(Exception):
    """The root of them all. Each can be copied and pickled, so that it comes whole out of a pool of processes."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew from what it holds: `args` is only the sentence, and not what `__init__` takes."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[KinoraError], args: tuple[Any, ...], held: dict[str, Any]) -> KinoraError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(held)
    return error


class APIError(KinoraError):
    """An answer that is not a success.

    `code` is the problem's own name, stable across versions; `param` the field at fault; `request_id` finds the
    request in the server's log; `problem` is the whole document.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        error = problem.get("error")
        member: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
        self.status = status
        self.problem = problem
        self.headers = headers
        self.code: str | None = member.get("code")
        self.param: str | None = problem.get("param")
        self.detail: str = problem.get("detail") or problem.get("title") or _bare(status, headers)
        self.request_id: str | None = headers.get("x-request-id")
        super().__init__(f"{self.detail} ({status}{f' {self.code}' if self.code else ''})")


def _bare(status: int, headers: Mapping[str, str]) -> str:
    """What there is to say of an answer without a word. A redirection is not followed: it could take the key along."""
    elsewhere = headers.get("location") if 300 <= status < 400 else None
    return (
        f"The server answered {status}." if elsewhere is None else f"This is not there; base_url leads to {elsewhere}."
    )


class BadRequest(APIError):
    """400: the server could not read the request."""


class Unauthorized(APIError):
    """401: no API key, or one that is not valid here."""


class InsufficientCredits(APIError):
    """402: it costs more than there is."""

    @property
    def cost(self) -> int | None:
        """Credits it would have taken."""
        return self.problem.get("cost")

    @property
    def available(self) -> int | None:
        """Credits that are there."""
        return self.problem.get("available")


class Forbidden(APIError):
    """403: above the plan's limits, or beyond the key's scopes."""


class NotFound(APIError):
    """404: there is no such thing, or it is not yours."""


class Conflict(APIError):
    """409: not in this state. `code` is `not_ready`, `video_failed`, `video_cancelled` and others."""


class Expired(APIError):
    """410: it is no longer kept."""


class TooLarge(APIError):
    """413: more bytes than are taken."""


class Invalid(APIError):
    """422: a field does not fit; `param` names it."""


class RateLimited(APIError):
    """429: too many requests, also after the retries."""

    @property
    def retry_after(self) -> float | None:
        """Seconds to leave it alone."""
        return seconds(self.headers.get("retry-after"))


class ServerError(APIError):
    """5xx: not the caller's fault."""


class Unavailable(ServerError):
    """503: not just now."""


class UnreadableAnswer(KinoraError):
    """Something answered that is no Kinora server, such as a proxy's page, or one of quite another version."""


class ConnectionFailed(KinoraError):
    """The server could not be reached, or the connection broke."""


class TimedOut(ConnectionFailed):
    """The server did not answer in time."""


class VideoFailed(KinoraError):
    """The job ended without a film; nothing was charged. `video.failure` says why and whether to try again."""

    def __init__(self, video: Video) -> None:
        self.video = video
        reason = video.failure.user_message if video.failure else "it could not be made"
        super().__init__(f"{video.id} failed: {reason}")


class VideoCancelled(KinoraError):
    """The job was stopped before its film was done."""

    def __init__(self, video: Video) -> None:
        self.video = video
        super().__init__(f"{video.id} was cancelled")


class UploadRefused(KinoraError):
    """The file has arrived and cannot be used. `upload.error` says why."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        super().__init__(f"{upload.id} was refused: {upload.error.message if upload.error else 'it cannot be read'}")


class WaitTimeout(KinoraError):
    """The time to wait is over. The job goes on: `wait` again, or `cancel` it."""

    def __init__(self, video: Video, timeout: float) -> None:
        self.video = video
        super().__init__(f"{video.id} is still {video.status} ({video.progress} %) after {timeout:g} seconds")


class WebhookError(KinoraError):
    """The signature does not fit, or the message is too old: do not trust the body."""


STATUS: dict[int, type[APIError]] = {
    400: BadRequest,
    401: Unauthorized,
    402: InsufficientCredits,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    413: TooLarge,
    422: Invalid,
    429: RateLimited,
    503: Unavailable,
}


def error_of(status: int, body: bytes, headers: Mapping[str, str]) -> APIError:
    """The error an answer stands for. A body that is no problem document (a proxy's page) leaves it without detail."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = {}
    kind = STATUS.get(status, ServerError if status >= 500 else APIError)
    return kind(status, problem, headers)


def seconds(header: str | None) -> float | None:
    """A `Retry-After` in seconds; None for one that is missing or names a date."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
