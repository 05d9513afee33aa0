"""The process: it says when it answers, keeps its state in a folder, stops when told, and dies with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from api.local import supervisor
from tests.fakes.stripe.conftest import KEY, answering, client, started
from tests.support.processes import living

COMMAND = (sys.executable, "-m", "api.fakes.stripe", "--data", ":memory:")


async def test_it_says_where_it_answers_and_stops_when_told() -> None:
    process = await asyncio.create_subprocess_exec(*COMMAND, "--port", "0", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    word, url = (await process.stdout.readline()).decode().split()
    assert word == "ready"
    theirs = client(url, "sk_test_local")
    assert (await theirs.v1.customers.list_async()).data == []
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_a_customer_outlives_the_process_and_so_does_the_time(tmp_path: Path, end: signal.Signals) -> None:
    with supervisor.listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        theirs, made, times = client(url, max_network_retries=5), set(), []
        for _ in range(2):
            child = await started(listener, str(tmp_path), tmp_path / "log")
            await answering(url, child)
            made.add((await theirs.v1.customers.create_async({}, {"idempotency_key": "same"})).id)
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                times.append((await http.post("/_local/clock", json={"seconds": 1000})).json()["now"])
            os.kill(child.pid, end)
            await child.ended()
    assert len(made) == 1
    assert times[1] >= times[0] + 1000


async def test_it_dies_with_whoever_started_it(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path / "log"), KEY, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    double = psutil.Process(int(await parent.stdout.readline()))
    assert living([double]) == [double]
    parent.kill()
    await parent.wait()
    assert psutil.wait_procs([double], timeout=5)[1] == []


PARENT = """
import asyncio, sys
from pathlib import Path
from api.local import supervisor
from tests.fakes.stripe.conftest import answering, started

async def main():
    with supervisor.listen("127.0.0.1", 0) as listener:
        child = await started(listener, ":memory:", Path(sys.argv[1]))
        await answering(f"http://127.0.0.1:{listener.getsockname()[1]}", child)
        print(child.pid, flush=True)
        await child.ended()

asyncio.run(main())
"""
