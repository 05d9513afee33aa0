"""One call: what is sent, when it is sent again, and what its answer is read as.

A logical call keeps one idempotency key across its retries, so that repeating a create can never make two. It is
sent again after a broken connection, 408, 409 while the first is still running, 429, and 5xx, with growing, jittered
pauses, or those the server asks for.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from kinora._errors import APIError, ConnectionFailed, KinoraError, UnreadableAnswer, error_of, seconds
from kinora._request_body import Body, body_of
from kinora._sansio import Ask, Flow
from kinora._version import VERSION

T = TypeVar("T")

LONGEST_PAUSE = 8.0  # seconds before a repetition, where the server names none
LONGEST_ASKED = 60.0  # seconds a server may ask us to wait; above that the error is the caller's
HEADROOM = 15.0  # seconds an answer may take beyond those that the server was asked to hold it
REPEATED = frozenset({408, 429, 500, 502, 503, 504})
NO_KINORA = "The answer cannot be read: is base_url the address of a Kinora server, and is that of this version?"
STILL_RUNNING = "idempotency_in_progress"


class Config(NamedTuple):
    """How a client calls. `timeout` is in seconds, for each request; `max_retries` counts repetitions.

    `retry_pause` is how many seconds lie before the first repetition; each further pause is twice as long.
    """

    api_key: str | None
    base_url: str
    timeout: float
    max_retries: int
    retry_pause: float
    headers: Mapping[str, str]

    @property
    def local(self) -> bool:
        """Whether the server is on this machine, where the environment's proxies have no business."""
        return self.base_url.partition("://")[2].startswith(("127.", "localhost", "[::1]"))


def checked(config: Config) -> Config:
    """The same, with the key as it is sent: one read from a file may end with a line. Raises ValueError."""
    if config.max_retries < 0:
        raise ValueError("max_retries counts repetitions: 0 is the least.")
    if not 0 <= config.retry_pause < inf:
        raise ValueError("retry_pause is in seconds, not below zero.")
    _seconds(config.timeout)
    return config._replace(api_key=(config.api_key or "").strip() or None)


def _seconds(timeout: float) -> float:
    """A time to wait for an answer. Raises ValueError."""
    if not timeout > 0:
        raise ValueError("timeout is in seconds, above zero; float('inf') waits for as long as it takes.")
    return timeout


class Prepared(NamedTuple):
    """A request as it goes out. `timeout` is in seconds, for connecting and for each wait on the socket."""

    method: str
    url: str
    headers: dict[str, str]
    timeout: float
    content: bytes | None = None
    fields: dict[str, str | list[str]] | None = None
    files: list[tuple[str, tuple[str, bytes, str]]] | None = None


class Options(NamedTuple):
    """What one call wants otherwise."""

    idempotency_key: str | None = None
    timeout: float | None = None
    prefer: str | None = None
    last_event_id: str | None = None


class Call(NamedTuple, Generic[T]):
    """One operation with its arguments. `read` makes its result of the answer's bytes."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: Mapping[str, Any] = {}
    body: Mapping[str, Any] | None = None
    public: bool = False
    once: bool = False
    options: Options = Options()


def for_ever() -> float:
    """The seconds that are left where nobody counts them."""
    return inf


def call(config: Config, wanted: Call[T]) -> Flow[T]:
    """Send it until it is answered; give what the answer says. Raises KinoraError."""
    response = yield from answered(config, prepared(config, wanted), "fetch")
    return wanted.read(response.content)


def answered(config: Config, request: Prepared, how: str, left: Callable[[], float] = for_ever) -> Flow[Any]:
    """The first answer that is a success, from `fetch` or `open`. None is asked for after `left` seconds are over."""
    for tries in range(config.max_retries + 1):
        last = tries == config.max_retries
        try:
            answer = yield Ask(how, (request,))
        except ConnectionFailed:
            if last or not left():
                raise
            asked = None
        else:
            response = answer[0] if how == "open" else answer
            if response.status_code < 300:
                return answer
            error = yield from refused(response, how, answer)
            asked = seconds(response.headers.get("retry-after"))
            if last or not _passing(error) or (asked or 0.0) > LONGEST_ASKED or not left():
                raise error
        yield Ask("sleep", (min(pause(config.retry_pause, tries, asked), left()),))
    raise AssertionError("unreachable")


def refused(response: Any, how: str, answer: Any) -> Flow[APIError]:
    """The error of an answer, whose body is read if that has not happened."""
    if how == "fetch":
        return error_of(response.status_code, response.content, response.headers)
    parts = []
    try:
        while (chunk := (yield Ask("chunk", (answer[1],)))) is not None:
            parts.append(chunk)
    except (ConnectionFailed, UnreadableAnswer):  # its status says enough
        parts = []
    yield Ask("close", (response,))
    return error_of(response.status_code, b"".join(parts), response.headers)


def _passing(error: APIError) -> bool:
    return error.status in REPEATED or error.code == STILL_RUNNING


def pause(first: float, tries: int, asked: float | None) -> float:
    """Seconds to leave it alone: what the server asks, else the first pause doubled for each try, half of it chance."""
    if asked is not None:
        return asked + random.uniform(0.0, 0.1)
    longest: float = min(LONGEST_PAUSE, first * 2.0 ** min(tries, 64))
    return longest * random.uniform(0.5, 1.0)


def prepared(config: Config, wanted: Call[Any]) -> Prepared:
    """The request of a call, the same for each of its tries."""
    headers = {"accept": "application/json", "user-agent": f"kinora-python/{VERSION}", **config.headers}
    if config.api_key:
        headers["authorization"] = f"Bearer {config.api_key}"
    elif not wanted.public:
        raise KinoraError(
            "This needs an API key: pass api_key=…, set KINORA_API_KEY, or make one with `kinora-cli login`."
        )
    options = wanted.options
    if wanted.once:
        headers["idempotency-key"] = options.idempotency_key or f"kinora-python-{uuid.uuid4()}"
    if options.prefer:
        headers["prefer"] = options.prefer
    if options.last_event_id:
        headers["last-event-id"] = options.last_event_id
    body = body_of(wanted.body) if wanted.body is not None else Body()
    if body.content is not None:
        headers["content-type"] = "application/json"
    return Prepared(
        method=wanted.method,
        url=config.base_url + wanted.path + _query(wanted.query),
        headers=_sendable(headers),
        timeout=_patience(config, options),
        content=body.content,
        fields=body.fields,
        files=body.files,
    )


def _patience(config: Config, options: Options) -> float:
    """Seconds to wait for an answer: longer than the server was asked to hold it, unless the caller says otherwise."""
    if options.timeout is not None:
        return _seconds(options.timeout)
    held = float(options.prefer.removeprefix("wait=")) + HEADROOM if options.prefer else 0.0
    return max(config.timeout, held)


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    """Headers that HTTP can carry. The error does not repeat the value, which may be a key. Raises ValueError."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"The header {name} can carry nothing but printable ASCII; look at what you gave for it.")
    return headers


def _query(values: Mapping[str, Any]) -> str:
    given = {name: value for name, value in values.items() if value is not None}
    return "?" + urlencode(given) if given else ""


def path(template: str, *parts: Any) -> str:
    """A path with its `{}` filled in; no part can leave its place. Raises ValueError for one that is no id."""
    for part in parts:
        if not isinstance(part, str) or part in ("", ".", ".."):  # with these it would be another path
            raise ValueError(f"{part!r} is no id.")
    return template.format(*(quote(part, safe="") for part in parts))


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """What reads an answer as this type, or raises UnreadableAnswer; made once, since that costs more than its use."""
    found = _READERS.get(kind)
    if found is None:
        found = _READERS[kind] = _reading(msgspec.json.Decoder(kind).decode)
    return found


def _reading(decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
    def read(body: bytes) -> T:
        try:
            return decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableAnswer(f"{NO_KINORA} ({error})") from error

    return read


_READERS: dict[Any, Callable[[bytes], Any]] = {}


def nothing(_: bytes) -> None:
    """What an empty answer says."""


text = _reading(bytes.decode)


def raw(body: bytes) -> bytes:
    return body


def id_of(thing: Any) -> Any:
    """The id of an object that has one, else the thing as it is: wherever an id goes, the object goes too."""
    return getattr(thing, "id", thing)
