"""Simulated users who create clips over HTTP, with an idempotency key for each, and retry until they get a response.

A user creates one clip after another and now and then cancels one. When a clip has ended, its create is sent once
more, and the response must name the same video.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from random import Random
from typing import Any

import httpx

CLIPS = 5
"""Clips of one account: its free month pays for them, and its access token lasts. Then the person signs up anew."""
SIZES = ("192x192", "320x192", "192x320")
SECONDS = (5, 8, 10)
CANCELLED = 0.1
"""The share of clips that are cancelled, within `WAVERING` seconds of being asked for."""
WAVERING = 3.0
PATIENCE = httpx.Timeout(90.0)
PAUSE = 0.1
"""Seconds after which a request that got no answer is sent again."""
LATER = frozenset({409, 429, 503})
"""Statuses that say: ask again in a moment."""


class BrokenPromiseError(Exception):
    """A guarantee was violated; the message says which."""


class SimulatedUsers:
    """State that all simulated users share, and the counts of what they met."""

    def __init__(self, url: str, random: Random) -> None:
        self.url = url
        self.random = random
        self.clips: set[str] = set()
        self.cancelled: set[str] = set()
        self.cut_off: dict[str, float] = {}
        """Keys of creates whose answer was lost, and the Unix time of the last loss."""
        self.asking = asyncio.Event()
        """Set while somebody waits for the answer to a create."""
        self.leaving = False
        """Once true, everybody sees the present clip to its end and goes."""
        self.waiting = 0

    async def simulate_user(self) -> None:
        """Simulate one user, with one account after another, until told to stop."""
        while not self.leaving:
            async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, trust_env=False) as client:
                person = SimulatedUser(self, client)
                await person.sign_up()
                for _ in range(CLIPS):
                    if not self.leaving:
                        await person.create_and_follow()


class SimulatedUser:
    """One account and its requests."""

    def __init__(self, crowd: SimulatedUsers, client: httpx.AsyncClient) -> None:
        self._crowd = crowd
        self._client = client

    async def sign_up(self) -> None:
        """Sign up, with another address after each lost response, because the account may exist."""
        answer = None
        while answer is None:
            form = {"email": f"{secrets.token_hex(8)}@example.org", "password": "correct horse battery"}
            answer = await self._try_request("POST", "/v1/auth/signup", json=form)
        self._client.headers["Authorization"] = f"Bearer {_json_body(answer)['access_token']}"

    async def create_and_follow(self) -> None:
        """Create a clip, perhaps cancel it, and wait until it has ended."""
        key, asked, dice = secrets.token_hex(8), self._random_request(), self._crowd.random
        video_id = await self._create_until_answered(key, asked)
        self._crowd.clips.add(video_id)
        if dice.random() < CANCELLED:
            await asyncio.sleep(dice.uniform(0, WAVERING))
            if (await self._send_until_answered("POST", f"/v1/videos/{video_id}/cancel"))["status"] == "cancelled":
                self._crowd.cancelled.add(video_id)
        await self._wait_until_done(video_id)
        if (again := await self._create_until_answered(key, asked)) != video_id:
            raise BrokenPromiseError(f"One key made two videos, {video_id} and {again}.")

    def _random_request(self) -> dict[str, Any]:
        dice = self._crowd.random
        return {"prompt": "a red ball bounces", "size": dice.choice(SIZES), "seconds": dice.choice(SECONDS)}

    async def _create_until_answered(self, key: str, asked: dict[str, Any]) -> str:
        crowd = self._crowd
        while True:
            crowd.waiting += 1
            crowd.asking.set()
            answer = await self._try_request("POST", "/v1/videos", json=asked, headers={"Idempotency-Key": key})
            crowd.waiting -= 1
            if not crowd.waiting:
                crowd.asking.clear()
            if answer is not None:
                return str(_json_body(answer)["id"])
            crowd.cut_off[key] = time.time()

    async def _wait_until_done(self, video_id: str) -> None:
        status = "queued"
        while status in ("queued", "in_progress"):
            answer = await self._send_until_answered("GET", f"/v1/videos/{video_id}", headers={"Prefer": "wait=60"})
            status = answer["status"]

    async def _send_until_answered(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        while (answer := await self._try_request(method, path, **sent)) is None:
            pass
        return _json_body(answer)

    async def _try_request(self, method: str, path: str, **sent: Any) -> httpx.Response | None:
        """The response, or None if the request has to be repeated."""
        try:
            answer = await self._client.request(method, path, **sent)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code not in LATER:
            return answer
        await asyncio.sleep(PAUSE)
        return None


def _json_body(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise BrokenPromiseError(f"{asked} was answered {answer.status_code}: {answer.text[:200]}")
    body: dict[str, Any] = answer.json()
    return body
