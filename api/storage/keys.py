"""Names of the folders in storage, and keys built from ids. Shared by those who write files and by the sweeper."""

from __future__ import annotations

from typing import Final

VIDEOS: Final = "videos"
"""`videos/<video id>/<attempt>/<variant>.<suffix>`: finished renditions."""
INPUTS: Final = "inputs"
"""`inputs/<video id>/<number>.<suffix>`: images and videos that a create came with."""
STREAMS: Final = "streams"
"""`streams/<video id>/<name>`: segments, their heads and previews."""
RESUME_STATES: Final = "latents"
"""`latents/<video id>/<attempt>-<number>.safetensors`: what the next attempt continues from."""
PRESETS: Final = "presets"
UPLOADS: Final = "uploads"


def rendition_key(video_id: str, attempt: int, name: str) -> str:
    """A finished rendition, in a folder of its attempt: a stalled attempt cannot overwrite another's files."""
    return f"{VIDEOS}/{video_id}/{attempt}/{name}"


def upload_folder(upload_id: str) -> str:
    """The folder of all keys of an upload."""
    return f"{UPLOADS}/{upload_id}"


def received_folder(upload_id: str) -> str:
    """The folder of the bytes of an upload as the client sent them."""
    return f"{upload_folder(upload_id)}/sent"


def received_key(upload_id: str) -> str:
    """The bytes of an upload as the client sent them, possibly incomplete."""
    return f"{received_folder(upload_id)}/file"


def ingested_key(upload_id: str) -> str:
    """The re-encoded file of an upload."""
    return f"{upload_folder(upload_id)}/file"
