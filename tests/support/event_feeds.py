"""Event streams of videos, as the API sends them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.scripted_server import Reply, respond


def encode_events(*videos: dict[str, Any]) -> bytes:
    """An event for each state, numbered from 0, with a ping after each."""
    return b"".join(
        f"id: {index}-x\nevent: video\ndata: {json.dumps(video)}\n\n: ping\n\n".encode()
        for index, video in enumerate(videos)
    )


def video_feed(*videos: dict[str, Any], end: bytes = b"") -> Reply:
    """A response that streams these states and ends."""
    return respond(200, raw=encode_events(*videos) + end, content_type="text/event-stream")
