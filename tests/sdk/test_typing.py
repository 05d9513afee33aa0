"""Programs that use the SDK under a type checker: right ones pass, misspelt names do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.sdk_programs import PYTHON

PROGRAM = """
from contextlib import aclosing, closing
import kinora
from kinora import AsyncKinora, Kinora

client = Kinora(api_key="k").with_options(timeout=3.0, max_retries=1)
video: kinora.types.Video = client.videos.create(prompt="a boat", seconds=4, storyboard=[{"at": 0.0, "prompt": "x"}])
with closing(client.videos.watch(video)) as states:
    print([state.progress for state in states], kinora.__version__.upper())

async def follow(client: AsyncKinora) -> None:
    async with aclosing(client.videos.watch_all()) as states:
        async for state in states:
            print(state.progress)
    print((await client.videos.list()).data[0].id)
"""
WRONG = {
    "kinora.Kinoro": "attr-defined",
    "from kinora import VideoFaild": "attr-defined",
    "client.with_options(timeot=3.0)": "call-arg",
    "client.videos.create(prompt=7)": "arg-type",
    "print(video.progres)": "attr-defined",
}


def test_a_type_checker_accepts_right_programs_and_finds_mistakes(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + "\n".join(WRONG))
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", tmp_path, program],
        cwd=PYTHON,
        capture_output=True,
        text=True,
        check=False,
    )
    first = PROGRAM.count("\n") + 1
    errors = [line for line in checked.stdout.splitlines() if ": error: " in line]
    found = {int(line.split(":")[1]): line.rpartition("[")[2].rstrip("]") for line in errors}
    assert found == dict(enumerate(WRONG.values(), first)), checked.stdout
