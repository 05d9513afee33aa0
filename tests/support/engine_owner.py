"""A process like the worker, for tests that kill it: one engine idle, one denoising, and a line when it is so.

Arguments: the folder of weights, the folder for the film. It prints the pids of forkserver, idle and busy child. The
forkserver is its second one: it kills the first, and nothing may come of that but a new one that stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from multiprocessing import forkserver
from pathlib import Path

from engine.process.client import EngineDied, EngineProcess
from engine.types import EngineConfig, Progress, Request


def server() -> int:
    return int(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]


async def main(weights: str, out_dir: Path) -> None:
    config = EngineConfig(weights={"ltx-video-2b": weights}, device="cpu", threads=1)
    request = Request("ltx-video-2b", "x", 512, 512, 2, 7, steps=100)
    idle, busy = EngineProcess(config), EngineProcess(config)
    await busy.start()
    os.kill(server(), signal.SIGKILL)
    with contextlib.suppress(EngineDied):
        async for _event in busy.run(request, out_dir):
            pass
    await busy.start()
    await idle.start()
    async for event in busy.run(request, out_dir):
        if isinstance(event, Progress) and event.stage == "denoising" and event.step == 1:
            print(server(), idle.pid, busy.pid, flush=True)  # noqa: T201 (the test reads it)


# Without the usual guard on purpose: a child that imported its parent's main module would start over.
print("main", flush=True)  # noqa: T201
asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
