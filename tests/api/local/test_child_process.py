"""A child process: tied to us, stopped in order, started again when it falls."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from api.local.child_process import Child, ChildEndedError, Program, retry_until_ready

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


def python(script: str, log: Path) -> Program:
    """The script as a program that is asked once to stop and has no time for it."""
    stops = ((signal.SIGTERM, 0.01),)
    return Program("the script", [sys.executable, "-c", script], dict(os.environ), log=log, stop_signals=stops)


async def said(log: Path, word: str) -> None:
    if word not in log.read_text():
        raise LookupError(word)


async def test_what_falls_is_started_again(tmp_path: Path) -> None:
    child = Child(python("import sys; sys.exit(3)", tmp_path / "log"))
    falls: asyncio.Queue[str] = asyncio.Queue()
    await child.start()
    keeper = asyncio.create_task(child.keep_running(falls.put_nowait))
    for _ in range(2):
        assert "the script ended with status 3" in await falls.get()
    keeper.cancel()
    await child.stop()


async def test_what_ends_again_and_again_is_given_up_with_its_reason(tmp_path: Path) -> None:
    script = python("import sys; sys.exit('no disk')", tmp_path / "log")
    child = Child(replace(script, restart_delays=(0.0, 0.0, 0.0)))
    falls: list[str] = []
    await child.start()
    end = str(await asyncio.wait_for(child.keep_running(falls.append), 60))
    assert len(falls) == 3
    assert end.startswith("the script ended with status 1. The end of its log:")
    assert end.endswith("no disk")


async def test_what_somebody_kills_is_started_however_often(tmp_path: Path) -> None:
    child = Child(replace(python("import os; os.kill(os.getpid(), 9)", tmp_path / "log"), restart_delays=(0.0,)))
    falls: asyncio.Queue[str] = asyncio.Queue()
    await child.start()
    keeper = asyncio.create_task(child.keep_running(falls.put_nowait))
    for _ in range(3):
        assert "SIGKILL" in await falls.get()
    assert not keeper.done()
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    await child.stop()


async def test_what_refuses_is_not_started_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(
        replace(python("import sys; print('no such folder'); sys.exit(78)", log), config_error_statuses=(78,))
    )
    falls: list[str] = []
    await child.start()
    end = str(await asyncio.wait_for(child.keep_running(falls.append), 60))
    assert (falls, log.read_text()) == ([], "no such folder\n")
    assert end.startswith("the script cannot run as it is set up (status 78): fix what it names.")
    assert end.endswith("no such folder")


async def test_what_does_not_listen_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(python(DEAF, log))
    await child.start()
    await retry_until_ready(lambda: said(log, "deaf"), (LookupError,), child, within=60.0)
    await child.stop()
    assert "SIGKILL" in str(await child.wait_ended())


async def test_waiting_for_a_child_ends_with_it_and_gives_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(python("import sys; sys.exit('no room')", log))
    await child.start()
    with pytest.raises(ChildEndedError, match=r"ended with status 1(.|\n)*no room"):
        await retry_until_ready(lambda: said(log, "ready"), (LookupError,), child, within=60.0)


async def test_waiting_has_an_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(python("import signal; signal.pause()", log))
    await child.start()
    with pytest.raises(TimeoutError):
        await retry_until_ready(lambda: said(log, "ready"), (LookupError,), child, within=0.05)
    await child.stop()


async def test_a_program_that_is_not_there_ends_in_words(tmp_path: Path) -> None:
    child = Child(Program("nothing", ["/nowhere/at-all"], {}, log=tmp_path / "log"))
    await child.start()
    assert "/nowhere/at-all" in str(await child.wait_ended())


async def test_the_kernel_ends_a_child_whose_parent_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, os, sys\n"
        "from api.local.child_process import Child, Program\n"
        "async def main():\n"
        "    child = Child(Program('sleeper', ['sleep', '600'], dict(os.environ)))\n"
        "    await child.start()\n"
        "    print('started', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert parent.stdout
    assert parent.stderr
    assert await parent.stdout.readline()
    parent.kill()
    # The child has our end of this pipe as well, so it ends when both are gone, and not after the child's ten minutes.
    assert await asyncio.wait_for(parent.stderr.read(), 60) == b""
    await parent.wait()
