"""The child as a real process, on real pipes, killed for real."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.media.video_writer import PART
from engine.process.client import EngineDied, EngineProcess
from engine.types import Done, EngineConfig, EngineError, Event, JobCancelled, Loading, Progress, Request
from tests.engine.test_parent_death import gone

WORKER = Path(__file__).parents[2] / "support" / "engine_owner.py"


@pytest.fixture
def config(config: EngineConfig, weights: Path) -> EngineConfig:
    """Also the entry whose large frames make a step slow enough to act upon."""
    return replace(config, weights={**config.weights, "ltx-video-2b": str(weights)})


@pytest.fixture
async def engine(config: EngineConfig) -> AsyncIterator[EngineProcess]:
    process = EngineProcess(config)
    await process.start()
    yield process
    await process.kill()


@pytest.fixture
def slow_request() -> Request:
    """About a quarter of a second for each step."""
    return Request("ltx-video-2b", "x", 512, 512, 2, 7, steps=60)


def step_of(event: Event) -> int:
    return event.step if isinstance(event, Progress) and event.stage == "denoising" else 0


async def first_step(events: AsyncIterator[Event]) -> None:
    async for event in events:
        if step_of(event) == 1:
            return


async def test_a_job_runs_in_the_child_and_the_model_stays(
    engine: EngineProcess, request_: Request, tmp_path: Path
) -> None:
    first = [event async for event in engine.run(request_, tmp_path)]
    again = [event async for event in engine.run(request_, tmp_path)]
    assert isinstance(first[-1], Done)
    assert first[-1].result.video.stat().st_size > 0
    assert any(isinstance(event, Loading) for event in first)
    assert not any(isinstance(event, Loading) for event in again)


async def test_a_second_start_changes_nothing(engine: EngineProcess) -> None:
    pid = engine.pid
    await engine.start()
    assert engine.alive
    assert engine.pid == pid


async def test_a_failure_by_name_comes_through_and_the_child_lives_on(
    engine: EngineProcess, request_: Request, tmp_path: Path
) -> None:
    pid = engine.pid
    with pytest.raises(EngineError) as caught:
        [event async for event in engine.run(replace(request_, seconds=99), tmp_path)]
    assert (caught.value.code, caught.value.retryable) == ("bad_request", False)
    assert [event async for event in engine.run(request_, tmp_path)]
    assert engine.pid == pid


async def test_cancel_stops_within_two_steps_and_leaves_nothing(
    engine: EngineProcess, slow_request: Request, request_: Request, tmp_path: Path
) -> None:
    seen: list[int] = []

    async def cancelled_at_the_second_step() -> None:
        async for event in engine.run(slow_request, tmp_path):
            seen.append(step_of(event))
            if seen[-1] == 2:
                engine.cancel()
                engine.cancel()

    with pytest.raises(JobCancelled):
        await cancelled_at_the_second_step()
    assert max(seen) <= 4
    assert list(tmp_path.iterdir()) == []
    engine.cancel()
    assert isinstance([event async for event in engine.run(request_, tmp_path)][-1], Done), "the next job is not hit"


async def test_leaving_the_iteration_cancels_the_job(
    engine: EngineProcess, slow_request: Request, request_: Request, tmp_path: Path
) -> None:
    async with aclosing(engine.run(slow_request, tmp_path)) as events:
        await first_step(events)
    assert list(tmp_path.iterdir()) == []
    assert isinstance([event async for event in engine.run(request_, tmp_path)][-1], Done)


async def test_a_cancelled_task_cancels_its_job(
    engine: EngineProcess, slow_request: Request, request_: Request, tmp_path: Path
) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async for event in engine.run(slow_request, tmp_path):
            if step_of(event):
                begun.set()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance([event async for event in engine.run(request_, tmp_path)][-1], Done)


async def test_a_job_at_a_time(engine: EngineProcess, slow_request: Request, tmp_path: Path) -> None:
    async with aclosing(engine.run(slow_request, tmp_path)) as events:
        await first_step(events)
        with pytest.raises(RuntimeError, match="one job at a time"):
            await anext(engine.run(slow_request, tmp_path))


async def test_a_killed_child_is_seen_and_the_next_start_works(
    engine: EngineProcess, slow_request: Request, request_: Request, tmp_path: Path
) -> None:
    killed = engine.pid
    assert killed is not None
    events = engine.run(slow_request, tmp_path)
    await first_step(events)
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(EngineDied) as caught:
        [event async for event in events]
    assert caught.value.exitcode == -signal.SIGKILL
    assert (engine.alive, engine.pid) == (False, None)
    assert [path.suffix for path in tmp_path.iterdir()] in ([], [PART]), "nothing half-written has a final name"
    with pytest.raises(EngineDied):
        await anext(engine.run(request_, tmp_path))

    await engine.start()
    assert engine.pid not in (None, killed)
    assert isinstance([event async for event in engine.run(request_, tmp_path)][-1], Done)
    assert not list(tmp_path.glob("*" + PART))


async def test_a_child_that_dies_while_idle_is_seen(engine: EngineProcess, request_: Request, tmp_path: Path) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGTERM)
    with pytest.raises(EngineDied) as caught:
        [event async for event in engine.run(request_, tmp_path)]
    assert caught.value.exitcode == -signal.SIGTERM


async def test_kill_ends_a_busy_child(engine: EngineProcess, slow_request: Request, tmp_path: Path) -> None:
    events = engine.run(slow_request, tmp_path)
    await first_step(events)
    assert engine.pid is not None
    child = os.pidfd_open(engine.pid)
    await engine.kill()
    assert gone(child, 0.0)
    os.close(child)
    await engine.kill()
    with pytest.raises(EngineDied):
        [event async for event in events]


async def test_it_must_be_started(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Start the engine"):
        await anext(EngineProcess(config).run(request_, tmp_path))


@pytest.mark.parametrize("turns", [1, 3, 9])
async def test_a_start_given_up_leaves_nothing_behind(config: EngineConfig, turns: int) -> None:
    process = EngineProcess(config)
    task = asyncio.create_task(process.start())
    for _ in range(turns):
        await asyncio.sleep(0)  # a turn of the loop, which is as far as the start gets
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process.pid is None
    await process.start()
    assert process.alive
    await process.kill()


LONG_FOLDER_SCRIPT = """
import asyncio, multiprocessing.process, tempfile
from engine.process.client import EngineProcess
from engine.types import EngineConfig

async def main():
    engine = EngineProcess(EngineConfig(device="cpu", threads=1))
    await engine.start()
    print(engine.alive, tempfile.gettempdir(), multiprocessing.process.current_process()._config["tempdir"])
    await engine.kill()

asyncio.run(main())
"""


@pytest.mark.parametrize("length", [89, 200])
def test_an_engine_starts_however_long_the_folder_of_temporary_files_is_called(length: int) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as root:
        folder = Path(f"{root}/{'long/' * 50}"[: length - 1] + "x")
        folder.mkdir(parents=True)
        start_with_temporary_files_in(folder)


def start_with_temporary_files_in(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(WORKER.parents[2]), "TMPDIR": str(folder)}
    command = [sys.executable, "-c", LONG_FOLDER_SCRIPT]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    alive, temporary, sockets = ended.stdout.split()
    assert (alive, temporary) == ("True", str(folder)), "other temporary files stay where they were wanted"
    assert len(f"{sockets}/listener-12345678") <= 107
    assert not Path(sockets).exists(), "nothing is left behind"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the children end at the end of their pipe")
def test_a_killed_worker_takes_forkserver_and_children_along(weights: Path, tmp_path: Path) -> None:
    """Idle and in the middle of a step; and no child ran its parent's main module again."""
    command = [sys.executable, str(WORKER), str(weights), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(WORKER.parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "main\n"
        line = worker.stdout.readline()
        assert line != "main\n", "a child imported its parent's main module"
        descriptors = [os.pidfd_open(int(pid)) for pid in line.split()]
        assert len(descriptors) == 3
        assert not any(gone(each, 0.0) for each in descriptors)
        worker.send_signal(signal.SIGKILL)
        assert all(gone(each) for each in descriptors)
        for each in descriptors:
            os.close(each)
