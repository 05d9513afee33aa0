"""The process: readiness, state in its folder, shutdown, and the death of its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from api.local.listener import open_listener
from tests.support.fake_stripe import KEY, new_client, start_fake_stripe, wait_until_ready
from tests.support.processes import list_living

COMMAND = (sys.executable, "-m", "api.fakes.stripe", "--data", ":memory:")


async def test_the_process_prints_its_url_and_stops_on_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(*COMMAND, "--port", "0", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    word, url = (await process.stdout.readline()).decode().split()
    assert word == "ready"
    client = new_client(url, "sk_test_local")
    assert (await client.v1.customers.list_async()).data == []
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_objects_and_clock_survive_a_restart(tmp_path: Path, end: signal.Signals) -> None:
    with open_listener("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client, created, times = new_client(url, max_network_retries=5), set(), []
        for _ in range(2):
            child = await start_fake_stripe(listener, str(tmp_path), tmp_path / "log")
            await wait_until_ready(url, child)
            created.add((await client.v1.customers.create_async({}, {"idempotency_key": "same"})).id)
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                times.append((await http.post("/_local/clock", json={"seconds": 1000})).json()["now"])
            os.kill(child.pid, end)
            await child.wait_ended()
    assert len(created) == 1
    assert times[1] >= times[0] + 1000


async def test_the_process_dies_with_its_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path / "log"), KEY, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    process = psutil.Process(int(await parent.stdout.readline()))
    assert list_living([process]) == [process]
    parent.kill()
    await parent.wait()
    assert psutil.wait_procs([process], timeout=5)[1] == []


PARENT = """
import asyncio, sys
from pathlib import Path
from api.local.listener import open_listener
from tests.support.fake_stripe import start_fake_stripe, wait_until_ready

async def main():
    with open_listener("127.0.0.1", 0) as listener:
        child = await start_fake_stripe(listener, ":memory:", Path(sys.argv[1]))
        await wait_until_ready(f"http://127.0.0.1:{listener.getsockname()[1]}", child)
        print(child.pid, flush=True)
        await child.wait_ended()

asyncio.run(main())
"""
