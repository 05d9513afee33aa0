"""What is sent: a client's settings, one call with its arguments, and the HTTP request that comes of them. No I/O."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from kinora._errors import KinoraError
from kinora._files import LoadedFile
from kinora._request_body import RequestBody, encode_body
from kinora._version import VERSION

T = TypeVar("T")

UPLOAD_CHUNK_SIZE = 4 * 2**20  # bytes of one request: what is in memory, and what a broken connection costs at most
PREFER_WAIT_MARGIN = 15.0  # seconds to wait for a response beyond the time that the server may hold it back


class ClientConfig(NamedTuple):
    """The settings of a client; `Kinora` documents them."""

    api_key: str | None
    base_url: str
    timeout: float
    max_retries: int
    retry_pause: float
    headers: Mapping[str, str]
    upload_chunk_size: int = UPLOAD_CHUNK_SIZE

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine: the environment's proxies are not used for it."""
        return self.base_url.partition("://")[2].startswith(("127.", "localhost", "[::1]"))


def validate_config(config: ClientConfig) -> ClientConfig:
    """Check the settings and strip the API key: one read from a file may end with a newline. Raises ValueError."""
    if config.max_retries < 0:
        raise ValueError("max_retries must not be negative.")
    if not 0 <= config.retry_pause < inf:
        raise ValueError("retry_pause must be a number of seconds, not negative.")
    if config.upload_chunk_size < 1:
        raise ValueError("upload_chunk_size must be a positive number of bytes.")
    _validate_timeout(config.timeout)
    return config._replace(api_key=(config.api_key or "").strip() or None)


def _validate_timeout(timeout: float) -> float:
    if not timeout > 0:
        raise ValueError("timeout must be a number of seconds above zero; float('inf') waits without limit.")
    return timeout


class PreparedRequest(NamedTuple):
    """A request as it goes out. `timeout` is in seconds, for connecting and for each wait on the socket."""

    method: str
    url: str
    headers: dict[str, str]
    timeout: float
    content: bytes | None = None
    fields: dict[str, str | list[str]] | None = None
    files: list[tuple[str, LoadedFile]] | None = None

    def with_headers(self, headers: Mapping[str, str]) -> PreparedRequest:
        """The same request with these headers added or replaced."""
        return self._replace(headers={**self.headers, **headers})


class CallOptions(NamedTuple):
    """Settings of a single call."""

    idempotency_key: str | None = None
    timeout: float | None = None
    prefer: str | None = None
    last_event_id: str | None = None


class ApiCall(NamedTuple, Generic[T]):
    """One operation with its arguments.

    `decode` turns the response body into the result; `files` names the fields of the body that may be files; `public`
    calls need no API key; `idempotent` ones carry an idempotency key.
    """

    method: str
    path: str
    decode: Callable[[bytes], T]
    query: Mapping[str, Any] = {}
    body: Mapping[str, Any] | None = None
    files: Mapping[str, str] = {}
    public: bool = False
    idempotent: bool = False
    options: CallOptions = CallOptions()


def prepare_request(config: ClientConfig, call: ApiCall[Any]) -> PreparedRequest:
    """The request of a call, the same for each attempt. Raises KinoraError without an API key, ValueError, OSError."""
    body = encode_body(call.body, call.files) if call.body is not None else RequestBody()
    headers = {**_common_headers(config, call), **_call_headers(call)}
    if body.content is not None:
        headers["content-type"] = "application/json"
    return PreparedRequest(
        method=call.method,
        url=config.base_url + call.path + _query_string(call.query),
        headers=_require_printable(headers),
        timeout=_response_timeout(config, call.options),
        content=body.content,
        fields=body.fields,
        files=body.files,
    )


def _common_headers(config: ClientConfig, call: ApiCall[Any]) -> dict[str, str]:
    headers = {"accept": "application/json", "user-agent": f"kinora-python/{VERSION}", **config.headers}
    if config.api_key:
        headers["authorization"] = f"Bearer {config.api_key}"
    elif not call.public:
        raise KinoraError(
            "This call needs an API key: pass api_key=…, set KINORA_API_KEY, or create one with `kinora-cli login`."
        )
    return headers


def _call_headers(call: ApiCall[Any]) -> dict[str, str]:
    options, headers = call.options, {}
    if call.idempotent:
        headers["idempotency-key"] = options.idempotency_key or f"kinora-python-{uuid.uuid4()}"
    if options.prefer:
        headers["prefer"] = options.prefer
    if options.last_event_id:
        headers["last-event-id"] = options.last_event_id
    return headers


def _response_timeout(config: ClientConfig, options: CallOptions) -> float:
    """Seconds to wait for a response: longer than the server may hold it back, unless the caller sets a timeout."""
    if options.timeout is not None:
        return _validate_timeout(options.timeout)
    hold = float(options.prefer.removeprefix("wait=")) + PREFER_WAIT_MARGIN if options.prefer else 0.0
    return max(config.timeout, hold)


def _require_printable(headers: dict[str, str]) -> dict[str, str]:
    """Reject values that HTTP cannot carry. The error does not repeat the value, which may be a key."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"The value of the header {name} must be printable ASCII.")
    return headers


def _query_string(parameters: Mapping[str, Any]) -> str:
    present = {name: value for name, value in parameters.items() if value is not None}
    return "?" + urlencode(present) if present else ""


def build_path(template: str, *ids: Any) -> str:
    """Fill the `{}` of a path with quoted ids. Raises ValueError for an id that would make it another path."""
    for value in ids:
        if not isinstance(value, str) or value in ("", ".", ".."):
            raise ValueError(f"{value!r} is not a valid id.")
    return template.format(*(quote(value, safe="") for value in ids))


def resource_id(value: Any) -> Any:
    """The id of an object that has one, else the value itself: an object may stand wherever its id may."""
    return getattr(value, "id", value)
