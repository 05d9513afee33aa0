"""Uploads with progress on standard error."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kinora import ConnectionFailed
from kinora.cli.progress import show_bytes_progress

if TYPE_CHECKING:
    from kinora import Kinora
    from kinora.types import Upload


def upload_with_progress(client: Kinora, file: Path, resumed: str | None = None) -> Upload:
    """Upload a file, or continue an upload of it. Whoever stops before the end is told how to go on."""
    known = [resumed] if resumed else []
    try:
        with show_bytes_progress(file.name) as on_progress:
            if resumed:
                return client.uploads.resume(resumed, file, on_progress=on_progress)
            return client.uploads.create(
                file, on_created=lambda upload: known.append(upload.id), on_progress=on_progress
            )
    except (KeyboardInterrupt, ConnectionFailed):
        for upload_id in known:
            command = f"kinora-cli upload --resume {upload_id} {shlex.quote(str(file))}"
            print(f"\nThe upload is not complete; to continue it: {command}", file=sys.stderr)
        raise
