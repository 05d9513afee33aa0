"""The request type of routes, and the wait time in `Prefer`."""

import re
from typing import Any

from litestar import Request
from litestar.datastructures import State

from api.http.authentication import Caller

MAX_WAIT = 60  # seconds
PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait(?:\s*=\s*\"?(\d{1,4})\"?)?\s*(?=$|[,;])", re.IGNORECASE)

UserRequest = Request[Caller, Any, State]
"""A request that has passed authentication."""


def parse_prefer_wait(request: UserRequest) -> int:
    """Seconds the client is willing to wait, by `Prefer: wait` (which means `MAX_WAIT`) or `Prefer: wait=<seconds>`."""
    match = PREFER_WAIT.search(request.headers.get("prefer", ""))
    return 0 if match is None else min(MAX_WAIT, int(match[1] or MAX_WAIT))
