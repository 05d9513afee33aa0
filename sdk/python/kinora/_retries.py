"""Sends requests until they succeed or cannot: which failures are retried, and after what delay.

The request of a call is prepared once, so that its idempotency key is the same for every attempt and a retried create
never makes two. Retried are broken connections, 408, 409 while the first attempt is still running, 429 and 5xx.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from math import inf
from typing import TypeVar

from kinora._errors import (
    APIError,
    ConnectionFailed,
    UnreadableAnswer,
    build_api_error,
    parse_retry_after,
)
from kinora._request import ApiCall, ClientConfig, PreparedRequest, prepare_request
from kinora._sansio import CloseStream, Fetch, Flow, OpenStream, ReadChunk, Response, ResponseHead, Sleep, perform

T = TypeVar("T")

MAX_DELAY = 8.0  # seconds before a retry where the server names none
MAX_RETRY_AFTER = 60.0  # seconds of a Retry-After that are waited for; with more, the error is raised
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
STILL_RUNNING = "idempotency_in_progress"


def no_deadline() -> float:
    """The seconds that remain where there is no deadline."""
    return inf


def send_call(config: ClientConfig, call: ApiCall[T]) -> Flow[T]:
    """Send a call, with retries, and return its decoded result. Raises KinoraError."""
    response = yield from fetch_with_retries(config, prepare_request(config, call))
    return call.decode(response.content)


def fetch_with_retries(
    config: ClientConfig, request: PreparedRequest, remaining: Callable[[], float] = no_deadline
) -> Flow[Response]:
    """The first successful response, read. No attempt begins once no seconds remain. Raises KinoraError."""
    return _with_retries(config, partial(_fetch_success, request), remaining)


def open_with_retries(
    config: ClientConfig, request: PreparedRequest, remaining: Callable[[], float] = no_deadline
) -> Flow[ResponseHead]:
    """The first successful response, as an open stream. No attempt begins once no seconds remain."""
    return _with_retries(config, partial(_open_success, request), remaining)


def _with_retries(config: ClientConfig, attempt: Callable[[], Flow[T]], remaining: Callable[[], float]) -> Flow[T]:
    for retries in range(config.max_retries + 1):
        retry_after = None
        try:
            return (yield from attempt())
        except ConnectionFailed:
            if retries == config.max_retries or not remaining():
                raise
        except APIError as error:
            retry_after = parse_retry_after(error.headers.get("retry-after"))
            patient = (retry_after or 0.0) <= MAX_RETRY_AFTER
            if retries == config.max_retries or not (_is_retryable(error) and patient and remaining()):
                raise
        yield Sleep(min(retry_delay(config.retry_pause, retries, retry_after), remaining()))
    raise AssertionError("unreachable")


def _fetch_success(request: PreparedRequest) -> Flow[Response]:
    response = yield from perform(Fetch(request))
    if response.status_code < 300:
        return response
    raise build_api_error(response.status_code, response.content, response.headers)


def _open_success(request: PreparedRequest) -> Flow[ResponseHead]:
    response = yield from perform(OpenStream(request))
    if response.status_code < 300:
        return response
    raise (yield from _read_api_error(response))


def _read_api_error(response: ResponseHead) -> Flow[APIError]:
    chunks = []
    try:
        while (chunk := (yield from perform(ReadChunk(response)))) is not None:
            chunks.append(chunk)
    except (ConnectionFailed, UnreadableAnswer):  # the status alone is enough
        chunks = []
    yield CloseStream(response)
    return build_api_error(response.status_code, b"".join(chunks), response.headers)


def _is_retryable(error: APIError) -> bool:
    return error.status in RETRIED_STATUSES or error.code == STILL_RUNNING


def retry_delay(first_pause: float, retries: int, retry_after: float | None) -> float:
    """Seconds before the next attempt: the server's, else the first pause doubled by each retry, half of it random."""
    if retry_after is not None:
        return retry_after + random.uniform(0.0, 0.1)
    longest: float = min(MAX_DELAY, first_pause * 2.0 ** min(retries, 64))
    return longest * random.uniform(0.5, 1.0)
