"""Everything this package raises.

KinoraError
├── APIError                    the server returned an error; carries its problem document (RFC 9457)
│   ├── BadRequest         400
│   ├── Unauthorized       401  no API key, or not a valid one
│   ├── InsufficientCredits 402 `cost` and `available` are in credits
│   ├── Forbidden          403  beyond a limit of the plan, or the key lacks a scope
│   ├── NotFound           404  also for what belongs to another user
│   ├── Conflict           409  not possible in this state; `code` says why
│   ├── Expired            410  no longer kept
│   ├── TooLarge           413
│   ├── Invalid            422  `param` names the field at fault
│   ├── RateLimited        429  after the retries; `retry_after` in seconds
│   └── ServerError        5xx  after the retries
│       └── Unavailable    503
├── UnreadableAnswer            not the response of a Kinora server of this version
├── ConnectionFailed            no response, after the retries
│   └── TimedOut                no response in time
├── VideoFailed                 the job failed; `video.failure` says why
├── VideoCancelled              the job was cancelled; `video` as it was
├── UploadRefused               an uploaded file cannot be used; `upload.error` says why
├── WaitTimeout                 still in progress; `video` as last seen; the job goes on
└── WebhookError                a webhook whose signature or timestamp is not valid
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from kinora.types import Upload, Video


class KinoraError(Exception):
    """Base of every error here. Each can be copied and pickled, and so leaves a process pool intact."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the attributes: `args` holds the message only, not the arguments of `__init__`."""
        return _rebuild_error, (type(self), self.args, self.__dict__)


def _rebuild_error(kind: type[KinoraError], args: tuple[Any, ...], attributes: dict[str, Any]) -> KinoraError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class APIError(KinoraError):
    """An error response.

    `code` names the problem and is stable across versions; `param` is the invalid field; `request_id` identifies the
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
        self.detail: str = problem.get("detail") or problem.get("title") or _default_detail(status, headers)
        self.request_id: str | None = headers.get("x-request-id")
        super().__init__(f"{self.detail} ({status}{f' {self.code}' if self.code else ''})")


def _default_detail(status: int, headers: Mapping[str, str]) -> str:
    """The detail of a response without one. Redirects are not followed: the API key would go with them."""
    location = headers.get("location") if 300 <= status < 400 else None
    if location is None:
        return f"The server returned status {status}."
    return f"The server redirects to {location}; set base_url to that server."


class BadRequest(APIError):
    """400: the server could not read the request."""


class Unauthorized(APIError):
    """401: no API key, or one that is not valid."""


class InsufficientCredits(APIError):
    """402: the call costs more credits than are available."""

    @property
    def cost(self) -> int | None:
        """Credits that the call would have cost."""
        return self.problem.get("cost")

    @property
    def available(self) -> int | None:
        """Credits available."""
        return self.problem.get("available")


class Forbidden(APIError):
    """403: beyond the plan's limits or the key's scopes."""


class NotFound(APIError):
    """404: it does not exist, or belongs to another user."""


class Conflict(APIError):
    """409: not possible in the present state. `code` is `not_ready`, `video_failed`, `video_cancelled` or another."""


class Expired(APIError):
    """410: it has expired and is no longer stored."""


class TooLarge(APIError):
    """413: the body is larger than the server accepts."""


class Invalid(APIError):
    """422: a field is not valid; `param` names it."""


class RateLimited(APIError):
    """429: too many requests, even after the retries."""

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before the next request."""
        return parse_retry_after(self.headers.get("retry-after"))


class ServerError(APIError):
    """5xx: the server failed."""


class Unavailable(ServerError):
    """503: the server cannot take the request at the moment."""


class UnreadableAnswer(KinoraError):
    """The response is not that of a Kinora server of this version; a proxy's error page, for example."""


class ConnectionFailed(KinoraError):
    """The server could not be reached, or the connection broke."""


class TimedOut(ConnectionFailed):
    """The server did not answer in time."""


class VideoFailed(KinoraError):
    """The job failed; nothing was charged. `video.failure` says why and whether a retry may succeed."""

    def __init__(self, video: Video) -> None:
        self.video = video
        reason = video.failure.user_message if video.failure else "no reason given"
        super().__init__(f"{video.id} failed: {reason}")


class VideoCancelled(KinoraError):
    """The job was cancelled before the video was complete."""

    def __init__(self, video: Video) -> None:
        self.video = video
        super().__init__(f"{video.id} was cancelled")


class UploadRefused(KinoraError):
    """The file arrived but cannot be used. `upload.error` says why."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        super().__init__(
            f"{upload.id} was refused: {upload.error.message if upload.error else 'the file cannot be read'}"
        )


class WaitTimeout(KinoraError):
    """The timeout of `wait` is over. The job goes on: `wait` again, or `cancel` it."""

    def __init__(self, video: Video, timeout: float) -> None:
        self.video = video
        super().__init__(f"{video.id} is still {video.status} ({video.progress} %) after {timeout:g} seconds")


class WebhookError(KinoraError):
    """The webhook's signature or timestamp is not valid: do not trust its body."""


ERRORS_BY_STATUS: dict[int, type[APIError]] = {
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


def build_api_error(status: int, body: bytes, headers: Mapping[str, str]) -> APIError:
    """The error of a response. A body that is not a problem document (a proxy's page) leaves it without detail."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = {}
    kind = ERRORS_BY_STATUS.get(status, ServerError if status >= 500 else APIError)
    return kind(status, problem, headers)


def parse_retry_after(header: str | None) -> float | None:
    """A `Retry-After` header in seconds; None if it is missing or a date."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
