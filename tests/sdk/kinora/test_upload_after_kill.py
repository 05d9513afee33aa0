"""An upload of a process that was killed, resumed against a running backend."""

from __future__ import annotations

import asyncio
from pathlib import Path

import kinora
import pytest
from kinora import Kinora

from tests.support.media_files import encode_video
from tests.support.sdk_programs import run_program
from tests.support.video_requests import png

BEGUN = """
import os, sys
from kinora import Kinora
def told(have, whole):
    if have > whole // 2:
        os.kill(os.getpid(), 9)
film = ("film.mp4", open("film.mp4", "rb"))
Kinora(upload_chunk_size=2000).uploads.create(film, on_created=lambda new: print(new.id, flush=True), on_progress=told)
"""


@pytest.mark.xdist_group("backend")
async def test_an_upload_of_a_killed_process_can_be_resumed(backend_url: str, api_key: str, tmp_path: Path) -> None:
    content = encode_video(2)
    (tmp_path / "film.mp4").write_bytes(content)
    (tmp_path / "begin.py").write_text(BEGUN)
    status, out, err = await run_program(backend_url, api_key, tmp_path, "begin.py")
    assert status == -9, err
    begun = out.strip()
    heard: list[int] = []

    def story() -> None:
        with Kinora(api_key=api_key, base_url=backend_url) as sdk:
            half = sdk.uploads.get(begun)
            assert (half.status, half.offset > len(content) // 2) == ("receiving", True)
            film = sdk.uploads.resume(begun, tmp_path / "film.mp4", on_progress=lambda have, _: heard.append(have))
            assert (film.kind, film.seconds, film.filename) == ("video", 2, "film.mp4")
            assert heard[0] > half.offset
            longer = sdk.videos.extend(video=film, seconds=1, prompt="it goes on")
            assert sdk.videos.wait(longer, timeout=120).seconds == "3"
            still = sdk.uploads.create(("a.png", png()))
            assert (still.kind, still.width) == ("image", 64)
            made = sdk.videos.create_and_wait(prompt="a ball", seconds=1, first_frame=still, timeout=120)
            assert made.status == "completed"
            assert {one.id for one in sdk.uploads.list()} == {film.id, still.id}
            assert sdk.uploads.delete(film).deleted
            with pytest.raises(kinora.UploadRefused, match="MP4"):
                sdk.uploads.create(b"no video")

    await asyncio.to_thread(story)
