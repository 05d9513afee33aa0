"""What routes read of a request beside its body: the caller, and how long the client is ready to wait."""

import re
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State

from api import idempotency
from api.http import body
from api.http.authentication import Caller
from api.idempotency import RequestIdentity

MAX_WAIT = 60  # seconds
PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait(?:\s*=\s*\"?(\d{1,4})\"?)?\s*(?=$|[,;])", re.IGNORECASE)

RETRY_COUNT = "x-stainless-retry-count"  # how clients made by Stainless, as OpenAI's, count their own retries

UserRequest = Request[Caller, Any, State]
"""A request that has passed authentication."""


def parse_prefer_wait(request: UserRequest) -> int:
    """Seconds the client is ready to wait, by `Prefer: wait` (which means `MAX_WAIT`) or `Prefer: wait=<seconds>`."""
    match = PREFER_WAIT.search(request.headers.get("prefer", ""))
    return 0 if match is None else min(MAX_WAIT, int(match[1] or MAX_WAIT))


def identify_request(request: UserRequest, content: msgspec.Struct | None = None) -> RequestIdentity:
    """How a repetition of the request is recognised; `content` is its parsed body. Raises Invalid."""
    return RequestIdentity(
        user_id=request.user.user_id,
        key=idempotency.check_key(request.headers.get("idempotency-key")),
        fingerprint=body.fingerprint(request.method, request.url.path, content),
        retried=request.headers.get(RETRY_COUNT, "0") not in ("", "0"),
    )
