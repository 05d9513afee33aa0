"""Compares the Python SDK with OpenAI's and Runway's: the cost of importing it, of a call, and of reading a list.

The calls go to a local server with canned responses. The figure is the client's own processor time, less that of
the same request over a bare socket, so that other load on the machine does not count.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from api.http.openapi import examples
from api.schemas.common import Page
from api.schemas.videos import Video
from bench.report import Row, format_figure, format_ratio

ROUNDS = 7  # of everything; the least time of an import and the median of the calls count
CALLS = 300  # in a round
LISTED = 100  # videos on a page

TASK_ID = "3b4f5f1e-7d3f-4f1c-9f1a-1c2d3e4f5a6b"
TASK = {
    "id": TASK_ID,
    "createdAt": "2026-11-25T12:00:00Z",
    "status": "RUNNING",
    "progress": 0.4,
}

IMPORT = """
import sys, time
began = time.perf_counter()
{program}
print(time.perf_counter() - began, len(sys.modules))
"""


async def measure_sdk() -> list[Row]:
    """All three."""
    return [*_import_rows(), *await _call_rows()]


def _import_rows() -> list[Row]:
    pair = {
        "kinora": ("import kinora", "; kinora.Kinora(api_key='x')"),
        "openai": ("import openai", "; openai.OpenAI(api_key='x')"),
        "runwayml": ("import runwayml", "; runwayml.RunwayML(api_key='x')"),
    }
    alone = {name: _import_cost(first) for name, (first, _) in pair.items()}
    both = {name: _import_cost(first + then) for name, (first, then) in pair.items()}
    rows = []
    for what, found, goal in (("import the SDK", alone, "0.2"), ("import it and make a client", both, "0.35")):
        for peer in ("openai", "runwayml"):
            wanted = goal if peer == "openai" else ""
            (ours, modules), (theirs, others) = found["kinora"], found[peer]
            rows.append(
                Row(
                    f"{what}, ms ({peer})",
                    format_figure(ours * 1e3),
                    format_figure(theirs * 1e3),
                    format_ratio(ours, theirs),
                    wanted,
                )
            )
            rows.append(
                Row(f"{what}, modules ({peer})", f"{modules}", f"{others}", format_ratio(modules, others), wanted)
            )
    return rows


def _import_cost(program: str) -> tuple[float, int]:
    """Seconds, the least of several fresh processes, and modules there are afterwards."""
    runs = []
    for _ in range(ROUNDS):
        said = subprocess.run(
            [sys.executable, "-c", IMPORT.format(program=program)], capture_output=True, text=True, check=True
        ).stdout.split()
        runs.append((float(said[0]), int(said[1])))
    return min(runs)


@asynccontextmanager
async def _canned_server() -> AsyncIterator[str]:
    """A process that answers prepared bytes: a video, a list of them, a task of Runway's."""
    video = examples.response_example(Video)
    listed = {
        **examples.response_example(Page[Video]),
        "data": [{**video, "id": f"video_{at}"} for at in range(LISTED)],
    }
    with TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        answers = []
        for name, answer in (("video", video), ("list", listed), ("task", TASK)):
            (Path(folder) / name).write_bytes(msgspec.json.encode(answer))
            answers.append(str(Path(folder) / name))
        descriptor = listener.fileno()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.service.canned_responses",
            "--fd",
            str(descriptor),
            *answers,
            pass_fds=(descriptor,),
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            await process.wait()


async def _call_rows() -> list[Row]:
    async with _canned_server() as url:
        return await asyncio.to_thread(_compare_clients, url)


def _compare_clients(url: str) -> list[Row]:
    """Each client in turn, round after round, so that a slow moment of the machine meets them all."""
    import openai
    from kinora import Kinora
    from runwayml import RunwayML

    host = url.removeprefix("http://")
    ours = Kinora(api_key="x", base_url=url)
    theirs = openai.OpenAI(api_key="x", base_url=f"{url}/v1")
    runway = RunwayML(api_key="x", base_url=url)
    bare = http.client.HTTPConnection(host)

    def raw_request(path: str) -> Callable[[], object]:
        def send_request() -> object:
            bare.request("GET", path)
            return bare.getresponse().read()

        return send_request

    programs: dict[str, Callable[[], object]] = {
        "bare": raw_request("/v1/videos/video_1"),
        "kinora": lambda: ours.videos.get("video_1"),
        "openai": lambda: theirs.videos.retrieve("video_1"),
        "runwayml": lambda: runway.tasks.retrieve(TASK_ID),
        "bare list": raw_request("/v1/videos"),
        "kinora list": lambda: ours.videos.list(limit=LISTED).page(),
        "openai list": lambda: theirs.videos.list(limit=LISTED),
    }
    costs: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            costs[name].append(_cpu_seconds_per_call(program))
    spent = {name: statistics.median(values) for name, values in costs.items()}
    return _build_call_rows(spent)


def _cpu_seconds_per_call(program: Callable[[], object]) -> float:
    """Seconds of our processor time for one call."""
    program()
    began = time.process_time()
    for _ in range(CALLS):
        program()
    return (time.process_time() - began) / CALLS


def _build_call_rows(spent: dict[str, float]) -> list[Row]:
    rows = []
    for peer in ("openai", "runwayml"):
        mine, other = spent["kinora"] - spent["bare"], spent[peer] - spent["bare"]
        rows.append(
            Row(
                f"a call's own time, µs ({peer})",
                format_figure(mine * 1e6),
                format_figure(other * 1e6),
                format_ratio(mine, other),
                "0.5",
            )
        )
    mine, other = (spent[f"{name} list"] - spent["bare list"] for name in ("kinora", "openai"))
    return [*rows, _cost_row(f"a list of {LISTED} videos, µs (openai)", mine, other)]


def _cost_row(what: str, mine: float, other: float) -> Row:
    return Row(what, format_figure(mine * 1e6), format_figure(other * 1e6), format_ratio(mine, other), "0.5")
