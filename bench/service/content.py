"""Measures the download of a large file, beside nginx, or beside `sendfile` alone where there is no nginx.

The reader counts the bytes and discards them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from api.local.child_process import Child, Program, retry_until_ready
from api.local.listener import open_listener
from bench.report import Row, format_figure, format_ratio
from bench.resource_usage import ResourceUsage, measure_usage
from bench.service import load, seeding
from bench.service.testbed import HOST, READY_WITHIN, HttpProcess, run_http_process, run_servers, run_web

SIZE = 64 * 1024 * 1024
MEGA = 1e6
ROUNDS = 6
EACH = 4  # downloads of one turn, one after another
BUFFER = 1 << 20
PATIENCE = 30.0  # seconds of silence after which a download is an error

NGINX = """
daemon off; {user} pid {folder}/nginx.pid; worker_processes 1;
events {{ }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type video/mp4;
  client_body_temp_path {folder}/client; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen {host}:{port}; root {root}; }}
}}
"""


async def measure_content() -> list[Row]:
    """The same file from both in turns."""
    async with run_servers() as (settings, _), run_web(settings) as kinora:
        person, *_ = await seeding.seed_users(settings, 1)
        await seeding.seed_completed_clips(settings, 1, SIZE)
        video_id = f"video_{1:026}"
        file = settings.data / "media" / "videos" / video_id / "1" / "video"
        file.parent.mkdir(parents=True)
        file.write_bytes(os.urandom(SIZE))
        name, peer = select_peer(file, settings.data)
        async with peer as beside:
            ours = DownloadContender(kinora, load.build_request("GET", f"/v1/videos/{video_id}/content", person.token))
            theirs = DownloadContender(beside, load.build_request("GET", "/video"))
            for _ in range(ROUNDS):
                await ours.run_turn()
                await theirs.run_turn()
    return build_rows(ours, theirs, name)


class DownloadContender:
    """Who sends the file, and what that took."""

    def __init__(self, place: HttpProcess, request: bytes) -> None:
        self.spent = ResourceUsage()
        self._site = place
        self._request = request

    async def run_turn(self) -> None:
        """Download it EACH times."""
        with measure_usage(self._site.pid) as spent:
            await asyncio.to_thread(download_repeatedly, self._site.port, self._request, EACH)
        self.spent.add(spent)

    @property
    def megabytes_per_second(self) -> float:
        """Megabytes per second."""
        return ROUNDS * EACH * SIZE / MEGA / self.spent.wall

    @property
    def cpu_milliseconds(self) -> float:
        """Milliseconds of the server's processor time for each file."""
        return self.spent.cpu[0] / (ROUNDS * EACH) * 1000


def download_repeatedly(port: int, request: bytes, times: int) -> None:
    """Fetch and forget, over one connection."""
    buffer = bytearray(BUFFER)
    with socket.create_connection((HOST, port), timeout=PATIENCE) as connection:
        for _ in range(times):
            connection.sendall(request)
            got = connection.recv_into(buffer)
            head, _, start = bytes(buffer[:got]).partition(load.HEAD_END)
            assert head.startswith(b"HTTP/1.1 200 "), head
            left = SIZE - len(start)
            while left > 0:
                got = connection.recv_into(buffer)
                assert got, "the file ended early"
                left -= got
            assert left == 0


def select_peer(file: Path, folder: Path) -> tuple[str, AbstractAsyncContextManager[HttpProcess]]:
    """The best there is on this machine to compare with, by name."""
    if nginx := shutil.which("nginx"):
        return "nginx", _run_nginx(nginx, file.parent, folder)
    return "sendfile", run_http_process(("bench.service.sendfile",), [str(file)], folder / "sendfile.log")


@asynccontextmanager
async def _run_nginx(binary: str, root: Path, folder: Path) -> AsyncIterator[HttpProcess]:
    with open_listener(HOST, 0) as free:  # nginx opens its own socket, so this one only finds a port
        port = free.getsockname()[1]
    user = "user root root;" if os.geteuid() == 0 else ""  # the folder is private to whoever runs this
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, host=HOST, port=port, root=root, user=user))
    log = folder / "nginx.log"
    argv = [binary, "-c", str(configuration), "-e", str(log)]
    child = Child(Program(name="nginx", argv=argv, env=os.environ, log=log, stop_signals=((signal.SIGTERM, 5.0),)))
    await child.start()
    try:
        await retry_until_ready(lambda: _check_listening(port), (OSError,), child, READY_WITHIN)
        yield HttpProcess(child.pid, port)
    finally:
        await child.stop()


async def _check_listening(port: int) -> None:
    _, writer = await asyncio.open_connection(HOST, port)
    writer.close()


def build_rows(ours: DownloadContender, theirs: DownloadContender, name: str) -> list[Row]:
    """The rows of the table."""
    return [
        Row(
            "content of 64 MiB, MB per second",
            format_figure(ours.megabytes_per_second),
            f"{format_figure(theirs.megabytes_per_second)} {name}",
            format_ratio(ours.megabytes_per_second, theirs.megabytes_per_second),
        ),
        Row(
            "… CPU ms of the process for each",
            format_figure(ours.cpu_milliseconds),
            format_figure(theirs.cpu_milliseconds),
            format_ratio(ours.cpu_milliseconds, theirs.cpu_milliseconds),
        ),
    ]
