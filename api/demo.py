"""What a client does, once, against a private backend: sign up, ask, watch, download, and say how long it took.

Knows the wire and nothing behind it: all goes over HTTP, as an app would do it.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from api import supervise
from api.settings import Settings

PROMPT = "a red ball bounces over green hills at sunset"
FILM = Path("demo.mp4")
PATIENCE = httpx.Timeout(60.0)
"""The server pings every 15 s, so a silent minute means that it is gone."""
TERMINAL = frozenset({"completed", "failed", "cancelled"})

Video = dict[str, Any]


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
            listener = supervise.listen("127.0.0.1", 0)
            async with supervise.backend(_private(folder), listener, _say, log=log, durable=False) as backend:
                watch.lap("start")
                _say(f"ready at {backend.url}; asking for “{prompt}”")
                async with httpx.AsyncClient(base_url=f"{backend.url}/v1", timeout=PATIENCE, trust_env=False) as client:
                    video = await backend.during(_film(client, prompt, watch))
        except (DemoError, httpx.HTTPError, *supervise.FAILURES) as error:
            raise DemoError(f"{str(error) or type(error).__name__}\n{_end(log)}") from error
    watch.lap("stop")
    _report(video, watch)
    return 0


def _private(folder: str) -> Settings:
    """The environment's settings, but never its servers: a throw-away user belongs in no real database."""
    return Settings.from_env(os.environ | {"KINORA_DATA": folder, "DATABASE_URL": "", "REDIS_URL": ""})


async def _film(client: httpx.AsyncClient, prompt: str, watch: Watch) -> Video:
    """The way of an app: sign up, create, watch, download."""
    person = {"email": f"demo-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(16)}
    signed_up = _body(await client.post("/auth/signup", json=person))
    client.headers["Authorization"] = f"Bearer {signed_up['access_token']}"
    video = _body(await client.post("/videos", json={"prompt": prompt}))
    watch.lap("ask")
    video = await _watched(client, video, watch)
    if video["status"] != "completed":
        raise DemoError(f"The clip is {video['status']}: {(video['error'] or {}).get('message', 'no reason given')}")
    await _download(client, video["id"])
    watch.lap("download")
    return video


async def _watched(client: httpx.AsyncClient, video: Video, watch: Watch) -> Video:
    """Follow the video's events to its end."""
    with _Bar() if sys.stdout.isatty() else _Lines() as show:
        while video["status"] not in TERMINAL:  # the server ends a stream after some minutes and asks to connect again
            async for event in _events(client, video["id"]):
                video = event
                if video["status"] != "queued" and "queue" not in watch.laps:
                    watch.lap("queue")
                show.update(video)
    watch.lap("render")
    return video


async def _events(client: httpx.AsyncClient, video_id: str) -> AsyncIterator[Video]:
    """Each event is the whole video, the first one as it is now."""
    async with client.stream("GET", f"/videos/{video_id}/events", headers={"Accept": "text/event-stream"}) as answer:
        if answer.is_error:
            await answer.aread()
            _body(answer)
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                event = msgspec.json.decode(line.removeprefix("data:"))
                if event.get("object") == "video":
                    yield event


async def _download(client: httpx.AsyncClient, video_id: str) -> None:
    answer = await client.get(f"/videos/{video_id}/content")
    if answer.is_error:
        _body(answer)
    FILM.write_bytes(answer.content)


def _body(answer: httpx.Response) -> dict[str, Any]:
    """The JSON of a good answer. Raises DemoError with the problem's own words."""
    if answer.is_error:
        raise DemoError(f"{answer.request.method} {answer.url.path} answered {answer.status_code}: {answer.text}")
    body: dict[str, Any] = answer.json()
    return body


class _Bar:
    """Progress for a person at a terminal."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:>11}"), BarColumn(40), TextColumn("{task.completed:>3.0f} %"))
        self._progress = Progress(*columns, TextColumn("{task.fields[left]}"), console=Console())
        self._task = self._progress.add_task("queued", total=100, left="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, video: Video) -> None:
        left = f"about {video['eta_seconds']} s left" if video.get("eta_seconds") else ""
        status = video["status"].replace("_", " ")
        self._progress.update(self._task, completed=video["progress"], description=status, left=left)


class _Lines:
    """The same for a log: a line for each tenth."""

    def __init__(self) -> None:
        self._said: tuple[str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, video: Video) -> None:
        tenth = (video["status"], video["progress"] // 10)
        if tenth != self._said:
            _say(f"{video['status'].replace('_', ' ')}, {video['progress']} %")
        self._said = tenth


def _report(video: Video, watch: Watch) -> None:
    size = FILM.stat().st_size / 1000
    print(f"\n{FILM}: {video['seconds']} s, {video['size']}, {size:.0f} kB, by {video['model']}")
    print(f"cost: {video['cost']['credits']} credits ({video['cost']['state']})")
    print("  ".join(f"{name} {seconds:.1f} s" for name, seconds in watch.laps.items()), flush=True)


def _say(sentence: str) -> None:
    print(f"kinora: {sentence}", flush=True)


def _end(log: Path) -> str:
    """What the parts said last."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
