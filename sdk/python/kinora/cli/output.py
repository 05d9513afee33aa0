"""Waiting for a video and saving it, with progress on standard error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias

from kinora import WaitTimeout
from kinora._output_file import check_output
from kinora.cli.progress import show_bytes_progress, show_video_progress

if TYPE_CHECKING:
    from kinora import Kinora
    from kinora.types import Video

Variant: TypeAlias = Literal["video", "thumbnail", "poster", "spritesheet"]

STANDARD_OUTPUT = Path("-")
SUFFIXES = {"video": ".mp4", "thumbnail": ".webp", "poster": ".jpg", "spritesheet": ".jpg"}


def choose_output(asked: Path | None, video_id: str, variant: Variant) -> Path:
    """The file to write: the one asked for, or one named after the id, in the directory asked for or this one.

    Raises OSError if it cannot be written.
    """
    if asked == STANDARD_OUTPUT:
        return Path("/dev/stdout")
    name = f"{video_id}{SUFFIXES[variant]}"
    file = Path(name) if asked is None else asked / name if asked.is_dir() else asked
    check_output(file)
    return file


def message_stream(asked: Path | None) -> TextIO:
    """Where ids and names go: not into the video itself."""
    return sys.stderr if asked == STANDARD_OUTPUT else sys.stdout


def download_with_progress(client: Kinora, video_id: str, asked: Path | None, variant: Variant) -> None:
    """Save a rendition and print the name of the file."""
    file = choose_output(asked, video_id, variant)
    with show_bytes_progress(file.name) as on_progress:
        client.videos.download(video_id, file, variant=variant, on_progress=on_progress)
    if asked != STANDARD_OUTPUT:
        print(file, flush=True)


def wait_with_progress(client: Kinora, video: Video | str, timeout: float | None) -> None:
    """Wait until a video is done. Whoever stops waiting is told how to follow or cancel it."""
    video_id = video if isinstance(video, str) else video.id
    try:
        with show_video_progress(video_id) as on_progress:
            client.videos.wait(video, timeout=timeout, on_progress=on_progress)
    except (KeyboardInterrupt, WaitTimeout) as stopped:
        newline = "\n" if isinstance(stopped, KeyboardInterrupt) else ""
        print(
            f"{newline}The video goes on. To follow it: kinora-cli watch {video_id}\n"
            f"To save it: kinora-cli download {video_id}    To cancel it: kinora-cli cancel {video_id}",
            file=sys.stderr,
        )
        raise
