"""What a client does, once, against a private backend: sign up, ask, watch, download, and say how long it took.

Everything goes through the Python SDK, as a program of one's own would; `_film` is all of it.
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
from kinora.types import Video
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from api.local import supervisor
from api.settings import Settings

PROMPT = "a red ball bounces over green hills at sunset"
FILM = Path("demo.mp4")


class DemoError(Exception):
    """No clip was made; the message says why."""


class Watch:
    """How long each part of the way took, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """What passed since the last call was `name`."""
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now


async def run(prompt: str) -> int:
    """Make a clip of `prompt` and save it as demo.mp4 here. Raises DemoError and supervise.FAILURES."""
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="kinora-demo-") as folder:
        _say("starting PostgreSQL, Redis, the web process and a worker")
        log = Path(folder) / "log"
        try:
            listener = supervisor.listen("127.0.0.1", 0)
            async with supervisor.backend(_private(folder), listener, _say, log=log, durable=False) as backend:
                watch.lap("start")
                _say(f"ready at {backend.url}; asking for “{prompt}”")
                async with AsyncKinora(base_url=backend.url) as client:
                    video = await backend.during(_film(client, prompt, watch))
        except (KinoraError, OSError, *supervisor.FAILURES) as error:
            raise DemoError(f"{str(error) or type(error).__name__}\n{_end(log)}") from error
    watch.lap("stop")
    _report(video, watch)
    return 0


def _private(folder: str) -> Settings:
    """The environment's settings, but never its servers: a throw-away user belongs in no real database."""
    return Settings.from_env(os.environ | {"KINORA_DATA": folder, "DATABASE_URL": "", "REDIS_URL": ""})


async def _film(client: AsyncKinora, prompt: str, watch: Watch) -> Video:
    """The way of an app: sign up, create, watch, download."""
    email, password = f"demo-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(16)
    tokens = await client.auth.sign_up(email=email, password=password)
    client = client.with_options(api_key=tokens.access_token)
    video = await client.videos.create(prompt=prompt)
    watch.lap("ask")
    with _bar() if sys.stdout.isatty() else _lines() as show:
        video = await client.videos.wait(video, timeout=None, on_progress=show)
    watch.lap("make")
    await client.videos.download(video, FILM)
    watch.lap("download")
    return video


@contextmanager
def _bar() -> Iterator[Callable[[Video], None]]:
    """Progress for a person at a terminal."""
    columns = (TextColumn("{task.description:>11}"), BarColumn(40), TextColumn("{task.completed:>3.0f} %"))
    with Progress(*columns, TextColumn("{task.fields[left]}"), console=Console()) as progress:
        task = progress.add_task("queued", total=100, left="")

        def show(video: Video) -> None:
            left = f"about {video.eta_seconds} s left" if video.eta_seconds else ""
            progress.update(task, completed=video.progress, description=_state(video), left=left)

        yield show


@contextmanager
def _lines() -> Iterator[Callable[[Video], None]]:
    """The same for a log: a line for each tenth."""
    said: set[tuple[str, int]] = set()

    def show(video: Video) -> None:
        tenth = (video.status, video.progress // 10)
        if tenth not in said:
            said.add(tenth)
            _say(f"{_state(video)}, {video.progress} %")

    yield show


def _state(video: Video) -> str:
    return video.status.replace("_", " ")


def _report(video: Video, watch: Watch) -> None:
    print(f"\n{FILM}: {video.seconds} s, {video.size}, {FILM.stat().st_size / 1000:.0f} kB, by {video.model}")
    print(f"cost: {video.cost.credits} credits ({video.cost.state})")
    print("  ".join(f"{name} {seconds:.1f} s" for name, seconds in watch.laps.items()), flush=True)


def _say(sentence: str) -> None:
    print(f"kinora: {sentence}", flush=True)


def _end(log: Path) -> str:
    """What the parts said last."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
