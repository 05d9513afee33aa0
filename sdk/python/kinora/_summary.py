"""A video or an upload in one line, as `print` shows it; `repr` shows every field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinora.types import Video


def summarize_video(video: Any) -> str:
    """`video_… in progress, 40 %, about 12 s left`."""
    return f"{video.id} {describe_state(video)}"


def describe_state(video: Video) -> str:
    """What the video is doing, and how far it is."""
    match video.status:
        case "queued" if video.queue_position is not None:
            return f"queued, {video.queue_position} ahead"
        case "in_progress":
            left = "" if video.eta_seconds is None else f", about {video.eta_seconds} s left"
            return f"in progress, {video.progress} %{left}"
        case "failed" if video.failure is not None:
            return f"failed: {video.failure.user_message}"
    return video.status.replace("_", " ")


def summarize_upload(upload: Any) -> str:
    """`upload_… receiving, 1024 of 4096 bytes`."""
    if upload.status == "receiving":
        return f"{upload.id} receiving, {upload.offset} of {upload.bytes} bytes"
    return f"{upload.id} {upload.status}: {upload.error.message}" if upload.error else f"{upload.id} {upload.status}"
