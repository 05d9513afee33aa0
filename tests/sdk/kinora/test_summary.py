"""What `print` shows of a video and of an upload: one line, with what matters while waiting."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from kinora.types import Upload, Video

from tests.support.api_examples import example, video

FAILURE = {"code": "bad_frames", "retryable": True, "refunded": True, "user_message": "The picture broke."}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "queued", "queue_position": 2}, "queued, 2 ahead"),
        ({"status": "queued", "queue_position": None}, "queued"),
        ({"status": "in_progress", "progress": 40, "eta_seconds": 12}, "in progress, 40 %, about 12 s left"),
        ({"status": "in_progress", "progress": 40, "eta_seconds": None}, "in progress, 40 %"),
        ({"status": "completed"}, "completed"),
        ({"status": "failed", "failure": FAILURE}, "failed: The picture broke."),
        ({"status": "paused_for_now"}, "paused for now"),
    ],
)
def test_a_video_prints_as_one_line(changes: dict[str, Any], said: str) -> None:
    shown = msgspec.convert(video(**changes), Video)
    assert str(shown) == f"{shown.id} {said}"
    assert "prompt=" in repr(shown)


def test_an_upload_prints_as_one_line() -> None:
    whole = example("/v1/uploads/{upload_id}") | {"id": "upload_1", "status": "receiving", "offset": 5, "bytes": 9}
    assert str(msgspec.convert(whole, Upload)) == "upload_1 receiving, 5 of 9 bytes"
    refused = whole | {"status": "refused", "error": {"code": "broken", "message": "It is no video."}}
    assert str(msgspec.convert(refused, Upload)) == "upload_1 refused: It is no video."
