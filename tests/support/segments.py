"""Segments and previews as the engine emits them, and the video as its owner reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from engine import types
from tests.support.users import Person

REQUEST = types.Request("kinora-mini", "a red ball", 320, 192, 4.0, 1)


def make_segment(folder: Path, index: int, content: str = "") -> types.Segment:
    """A segment of one second as the engine emits it."""
    head, file, state = folder / "head.mp4", folder / f"segment-{index:04}.m4s", folder / f"state-{index:04}"
    head.write_bytes(b"head")
    file.write_bytes(f"piece {index} {content}".encode())
    state.write_bytes(f"state {index}".encode())
    return types.Segment(index, 8 * (index + 1), index + 1.0, head, file, state)


async def get_video(client: httpx.AsyncClient, account: Person, video_id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/videos/{video_id}", headers=account.headers)
    return dict(answer.json())


def make_preview(folder: Path, seconds: float) -> types.PreviewFrame:
    """A preview as the engine emits it."""
    file = folder / "preview.jpg"
    file.write_bytes(f"guess at {seconds}".encode())
    return types.PreviewFrame(seconds, file)
