"""Re-encodes an uploaded file in a sandboxed process: `python -m engine.media.ingest video A B`.

The result is a PNG without metadata, or a silent H.264 video. The format is read from the bytes; declared limits are
checked before decoding and counted again during it; the process limits its own memory, CPU time and files first. No
torch and no network.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from pathlib import Path
from typing import Any, Final

from engine import parent_death
from engine.media.image_ingest import ingest_image
from engine.media.refusals import MediaRefused
from engine.media.video_ingest import ingest_video

MAX_MEMORY: Final = 2 * 2**30  # bytes of address space, including half a gigabyte of libraries
MAX_CPU_SECONDS: Final = 120  # seconds
MAX_FILE_BYTES: Final = 2**28  # bytes of the result
MAX_OPEN_FILES: Final = 64


def _limit_resources() -> None:
    """Limit this process to the resources that one file needs."""
    limits = {
        resource.RLIMIT_AS: MAX_MEMORY,
        resource.RLIMIT_CPU: MAX_CPU_SECONDS,
        resource.RLIMIT_FSIZE: MAX_FILE_BYTES,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # At its soft limit of CPU time a process is told by SIGXCPU, which tells a slow file from a killed process.
        resource.setrlimit(what, (value - 1 if what == resource.RLIMIT_CPU else value, value))


def _ingest(options: argparse.Namespace) -> dict[str, Any]:
    """Size and length of the file written; an image has no seconds. Raises MediaRefused."""
    if options.kind == "video":
        return ingest_video(options.source, options.target, options.seconds)._asdict()
    width, height = ingest_image(options.source, options.target)
    return {"width": width, "height": height}


def main() -> None:
    """Re-encode one file and print the outcome as a line of JSON."""
    parser = argparse.ArgumentParser("python -m engine.media.ingest", description=__doc__)
    parser.add_argument("kind", choices=("image", "video"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0, help="the longest video that is accepted")
    options = parser.parse_args()
    parent_death.die_with_parent()
    _limit_resources()
    try:
        answer = _ingest(options)
    except MediaRefused as refused:
        answer = {
            "refused": refused.reason,
            "found": refused.found,
            "limit": refused.limit,
            "name": refused.name,
        }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
