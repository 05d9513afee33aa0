"""`kinora demo`: sign up, create a video and download it from a private backend, and print the time of each step.

It uses the Python SDK as any program would; `_create_and_download` is all of it.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kinora import AsyncKinora, KinoraError
from kinora._output_file import check_output
from kinora.types import Video
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from api.local import supervisor
from api.local.listener import open_listener
from api.settings import Settings

PROMPT = "a turquoise boat grows on the sea at sunset"
OUTPUT = Path("demo.mp4")


class DemoError(Exception):
    """No video was made; the message says why."""


class Stopwatch:
    """Seconds that each step took."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def record_lap(self, name: str) -> None:
        """Record the time since the last call as `name`."""
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now


async def run_demo(prompt: str) -> int:
    """Create a video of `prompt` and save it as demo.mp4 here. Raises DemoError."""
    try:
        check_output(OUTPUT)
    except OSError as error:
        raise DemoError(str(error)) from error
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="kinora-demo-") as folder:
        _print_message("starting PostgreSQL, Redis, the web process and a worker")
        log = Path(folder) / "log"
        try:
            listener = open_listener("127.0.0.1", 0)
            async with supervisor.run_backend(
                _private_settings(folder), listener, _print_message, log=log, durable=False
            ) as backend:
                watch.record_lap("start")
                _print_message(f"ready at {backend.url}; asking for “{prompt}”")
                async with AsyncKinora(base_url=backend.url) as client:
                    video = await backend.run_guarded(_create_and_download(client, prompt, watch))
        except (KinoraError, OSError, *supervisor.FAILURES) as error:
            raise DemoError(f"{str(error) or type(error).__name__}\n{_log_tail(log)}") from error
    watch.record_lap("stop")
    _print_report(video, watch)
    return 0


def _private_settings(folder: str) -> Settings:
    """The environment's settings without its servers: the demo's user belongs in no real database."""
    return Settings.from_env(os.environ | {"KINORA_DATA": folder, "DATABASE_URL": "", "REDIS_URL": ""})


async def _create_and_download(client: AsyncKinora, prompt: str, watch: Stopwatch) -> Video:
    """Sign up, create, wait, download."""
    email, password = f"demo-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(16)
    tokens = await client.auth.sign_up(email=email, password=password)
    client = client.with_options(api_key=tokens.access_token)
    video = await client.videos.create(prompt=prompt)
    watch.record_lap("ask")
    with _progress_bar() if sys.stdout.isatty() else _progress_lines() as show:
        video = await client.videos.wait(video, timeout=None, on_progress=show)
    watch.record_lap("make")
    await client.videos.download(video, OUTPUT)
    watch.record_lap("download")
    return video


@contextmanager
def _progress_bar() -> Iterator[Callable[[Video], None]]:
    """Progress at a terminal."""
    columns = (TextColumn("{task.description:>11}"), BarColumn(40), TextColumn("{task.completed:>3.0f} %"))
    with Progress(*columns, TextColumn("{task.fields[left]}"), console=Console()) as progress:
        task = progress.add_task("queued", total=100, left="")

        def update_bar(video: Video) -> None:
            left = f"about {video.eta_seconds} s left" if video.eta_seconds else ""
            progress.update(task, completed=video.progress, description=_status_text(video), left=left)

        yield update_bar


@contextmanager
def _progress_lines() -> Iterator[Callable[[Video], None]]:
    """Progress in a log: one line for each tenth."""
    said: set[tuple[str, int]] = set()

    def print_progress(video: Video) -> None:
        tenth = (video.status, video.progress // 10)
        if tenth not in said:
            said.add(tenth)
            _print_message(f"{_status_text(video)}, {video.progress} %")

    yield print_progress


def _status_text(video: Video) -> str:
    return video.status.replace("_", " ")


def _print_report(video: Video, watch: Stopwatch) -> None:
    print(f"\n{OUTPUT}: {video.seconds} s, {video.size}, {OUTPUT.stat().st_size / 1000:.0f} kB, by {video.model}")
    print(f"cost: {video.cost.credits} credits ({video.cost.state})")
    print("  ".join(f"{name} {seconds:.1f} s" for name, seconds in watch.laps.items()), flush=True)


def _print_message(sentence: str) -> None:
    print(f"kinora: {sentence}", flush=True)


def _log_tail(log: Path) -> str:
    """The last fifteen lines of the log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
