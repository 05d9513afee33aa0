"""The `kinora` command as a person meets it: what it says, what it starts, and that it cleans up after itself."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from api import cli
from api.local import demo
from api.local.servers import Servers
from tests.support.processes import open_exit_descriptors, read_process

KINORA = (sys.executable, "-m", "api.cli")
PATIENCE = 240.0
"""Seconds for a whole backend to start on a busy machine: a hang must fail the test, not stop the suite."""


@pytest.fixture
def data_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kinora-") as name:
        yield Path(name) / "data"


async def kinora(*arguments: str, cwd: Path | None = None, **variables: str) -> tuple[int, str, str]:
    """Run the command to its end: status, what it said, what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *KINORA, *arguments, stdout=PIPE, stderr=PIPE, cwd=cwd, env=os.environ | variables
    )
    said, complained = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode or 0, said.decode(), complained.decode()


@asynccontextmanager
async def up(data: Path, log: Path, weights: Path) -> AsyncIterator[tuple[Process, str]]:
    """A backend that has said it is ready, and its address. Killed at the end, if it is still there."""
    with log.open("ab") as complaints:
        process = await asyncio.create_subprocess_exec(
            *KINORA,
            *("up", "--port", "0", "--data", str(data)),
            stdout=PIPE,
            stderr=complaints,
            env=os.environ | {"KINORA_WEIGHTS": f"kinora-mini={weights}"},
        )
    assert process.stdout
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
        ready = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", line)
        assert ready, f"{line}\n{log.read_text()}"
        yield process, ready[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def all_gone(owner: Process) -> AsyncIterator[set[str]]:
    """The names and arguments of a process's descendants; at the end of the block, wait until none of them runs."""
    family = psutil.Process(owner.pid).children(recursive=True)
    ending = open_exit_descriptors(family)
    yield {word for child in family for word in read_process(child, lambda p: (p.name(), *p.cmdline())) or ()}
    async with asyncio.timeout(PATIENCE):
        for end in ending:
            await _readable(end)
            os.close(end)


async def _readable(descriptor: int) -> None:
    """A process's descriptor can be read once the process has ended."""
    ready = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ready.set)
    await ready.wait()
    asyncio.get_running_loop().remove_reader(descriptor)


async def test_up_starts_stops_in_order_and_keeps_its_data(data_folder: Path, tmp_path: Path, weights: Path) -> None:
    person = {"email": "someone@example.com", "password": "a long enough password"}
    async with up(data_folder, tmp_path / "log", weights) as (process, url), httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/docs")).status_code == 200
        assert (await client.post("/v1/auth/signup", json=person)).status_code in {200, 201}
        async with all_gone(process) as names:
            assert {"postgres", "redis-server", "serve", "worker"} <= names
            process.kill()
    async with up(data_folder, tmp_path / "log", weights) as (process, url), httpx.AsyncClient(base_url=url) as client:
        assert (await client.post("/v1/auth/login", json=person)).status_code == 200
        status, _, complaint = await kinora("up", "--data", str(data_folder))
        assert (status, f"process {process.pid}" in complaint) == (1, True)
        async with all_gone(process):
            process.terminate()
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


async def test_up_stops_when_its_worker_is_misconfigured(data_folder: Path) -> None:
    status, said, complaint = await kinora(
        "up", "--port", "0", "--data", str(data_folder), KINORA_LORAS="ink=/nowhere/ink"
    )
    assert status == 1
    assert said.startswith("ready ")
    told = [
        line for line in complaint.splitlines() if not any(word in line for word in ("migrated", "no real payments"))
    ]
    assert told[0].startswith("kinora: KINORA_LORAS has the LoRA 'ink' in /nowhere/ink")
    assert told[1:] == ["kinora: kinora worker cannot run as it is set up (status 78): fix what it names."]


async def test_the_demo_does_not_wait_for_a_misconfigured_worker(tmp_path: Path) -> None:
    status, _, complaint = await kinora("demo", cwd=tmp_path, KINORA_WEIGHTS="kinora-mini=/nowhere")
    assert (status, "KINORA_WEIGHTS has the weights" in complaint, "Traceback" in complaint) == (1, True, False)


async def test_the_demo_generates_a_video(tmp_path: Path, weights: Path) -> None:
    status, said, complaint = await kinora(
        "demo", cwd=tmp_path, PROMPT='a "red" ball, $5', KINORA_WEIGHTS=f"kinora-mini={weights}"
    )
    assert status == 0, complaint
    assert 'a "red" ball, $5' in said
    assert "completed, 100 %" in said
    assert (tmp_path / "demo.mp4").read_bytes()[4:8] == b"ftyp"


async def test_a_requested_port_that_is_taken_is_refused(data_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, complaint = await kinora("up", "--port", str(port), "--data", str(data_folder))
    assert (status, complaint) == (1, f"kinora: Cannot listen on 127.0.0.1 port {port}: Address already in use.\n")


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_a_server_that_does_not_answer_is_reported_in_a_sentence(command: str, data_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    status, said, complaint = await kinora(
        command,
        DATABASE_URL=f"postgresql://kinora:hush@127.0.0.1:{port}/kinora",
        REDIS_URL=f"redis://127.0.0.1:{port}/",
        KINORA_DATA=str(data_folder),
        KINORA_PORT="0",
    )
    assert (status, said) == (1, "")
    assert re.fullmatch(r"kinora: The PostgreSQL of DATABASE_URL does not answer: [^\n]+\.\n", complaint)
    assert "hush" not in complaint


async def test_serve_refuses_a_taken_port_in_a_sentence(servers: Servers, data_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, complaint = await kinora(
            "serve",
            DATABASE_URL=servers.database_url,
            REDIS_URL=servers.redis_url,
            KINORA_DATA=str(data_folder),
            KINORA_PORT=str(port),
        )
    assert (status, complaint) == (1, f"kinora: Cannot listen on 127.0.0.1 port {port}: Address already in use.\n")


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
def test_a_single_process_needs_servers(command: str, capsys: pytest.CaptureFixture[str], data_folder: Path) -> None:
    variables = {"DATABASE_URL": "", "REDIS_URL": "", "KINORA_DATA": str(data_folder)}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        assert cli.main([command]) == 1
    assert "DATABASE_URL is not set" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["migrate", "up"])
async def test_an_unreachable_database_is_reported_in_a_sentence(command: str, data_folder: Path) -> None:
    status, _, complaint = await kinora(
        command,
        KINORA_DATA=str(data_folder),
        DATABASE_URL="postgresql://127.0.0.1:1/x",
        REDIS_URL="redis://127.0.0.1:1",
    )
    assert (status, complaint.count("\n")) == (1, 1)
    assert complaint.startswith("kinora: The PostgreSQL of DATABASE_URL does not answer: ")


async def test_an_invalid_setting_is_named() -> None:
    status, _, complaint = await kinora("doctor", KINORA_LEASE="soon")
    assert (status, "KINORA_LEASE" in complaint, "Traceback" in complaint) == (1, True, False)
    _, _, complaint = await kinora("doctor", KINORA_LORAS="ink")
    assert "KINORA_LORAS is 'ink', which is invalid: it takes name=value,name=value, but 'ink' has no =" in complaint
    _, _, complaint = await kinora("doctor", KINORA_MODELS="mini")
    assert "KINORA_MODELS names an unknown model 'mini'; known are kinora-mini, " in complaint
    _, _, complaint = await kinora("doctor", KINORA_WEIGHTS="mini=/weights")
    assert "KINORA_WEIGHTS names an unknown model 'mini'; known are kinora-mini, " in complaint


async def test_the_web_process_never_imports_torch() -> None:
    script = "import sys, api.serve; print(*{'torch', 'diffusers', 'transformers', 'av', 'numpy'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE)
    said, _ = await process.communicate()
    assert (process.returncode, said) == (0, b"\n")


async def test_only_the_first_signal_counts() -> None:
    """The orderly stop that a first signal began is not cut short by a second."""
    script = (
        "import asyncio, os, signal\n"
        "from api.local import supervisor\n"
        "async def main():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    try:\n"
        "        await asyncio.Event().wait()\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        await asyncio.sleep(0)\n"
        "        await asyncio.sleep(0)\n"
        "        print('in order')\n"
        "raise SystemExit(supervisor.run_until_signal(main()))\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE)
    said, _ = await process.communicate()
    assert (process.returncode, said) == (0, b"in order\n")


def test_the_prompt_has_a_default() -> None:
    assert demo.PROMPT == "a turquoise boat grows on the sea at sunset"
