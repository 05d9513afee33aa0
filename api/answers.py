"""What routes about videos share: how a client says that it waits, and how it is answered with a video."""

import re
from typing import Any

from litestar import Request, Response
from litestar.datastructures import State

from api.auth import Caller
from api.models import Video
from api.parts import Parts
from api.sql.generations import Generation
from api.views import poll_headers

MAX_WAIT = 60
PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait(?:\s*=\s*\"?(\d{1,4})\"?)?\s*(?=$|[,;])", re.IGNORECASE)

Ask = Request[Caller, Any, State]


async def shown(row: Generation, parts: Parts) -> Response[Video]:
    """The video as it is now, with how soon to ask again."""
    await parts.views.pace.refresh()
    video = parts.views.video(row)
    return Response(video, headers=poll_headers(video), status_code=200)


def wait_of(request: Ask) -> int:
    """Seconds the client is ready to wait, by `Prefer: wait` or `wait=60`."""
    match = PREFER_WAIT.search(request.headers.get("prefer", ""))
    return 0 if match is None else min(MAX_WAIT, int(match[1] or MAX_WAIT))
