"""The sandboxed process: its command line, what it says and what it may use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.video_files import write_frames


def child(*arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "engine.media.ingest", *arguments],
        check=True,
        capture_output=True,
        env={},
        timeout=60,
    )
    return dict(json.loads(done.stdout))


def test_the_child_reads_with_nothing_in_its_environment(tmp_path: Path) -> None:
    source = write_frames(tmp_path / "a.mp4", [np.zeros((48, 64, 3), np.uint8)] * 24)
    assert child("video", str(source), str(tmp_path / "out.mp4")) == {"width": 64, "height": 48, "seconds": 1.0}
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    assert child("image", str(tmp_path / "a.png"), str(tmp_path / "out.png"))["width"] == 30
    assert child("video", str(source), str(tmp_path / "out.mp4"), "--seconds", "0.5")["refused"] == "seconds"


def test_the_child_has_little_room() -> None:
    program = (
        "from engine.media import ingest; ingest._limit_resources()\n"
        "import resource\n"
        "assert resource.getrlimit(resource.RLIMIT_AS)[0] == ingest.MAX_MEMORY\n"
        "try:\n    bytearray(ingest.MAX_MEMORY)\nexcept MemoryError:\n    print('no room')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=60)
    assert done.stdout == b"no room\n"
