"""Reading one video and a page of them, beside a bare Litestar route that returns the same bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import cycle, islice

import httpx

from bench import load, seeding
from bench.load import Tally
from bench.report import Row, figure, of, percent
from bench.resource_usage import Spent, spending
from bench.testbed import Site, site, stage, web

PEOPLE = 200  # so many that nobody meets the limit of requests for each
EACH = 20  # clips of each person: one page
LANES = 16
ROUNDS = 4
SECONDS = 2.0  # of one turn
MOST = 10_000  # requests of one turn
WHAT = ("get a video", f"list {EACH} videos")


async def measure() -> list[Row]:
    """Ours and the bare ones in turns."""
    async with stage() as (settings, _), web(settings) as kinora:
        crowd = await seeding.crowd(settings, PEOPLE)
        await seeding.clips(settings, EACH, 1)
        # Clips are numbered person by person, so the first of each is known.
        one = [f"/v1/videos/video_{number * EACH + 1:026}" for number in range(PEOPLE)]
        asked = (one, [f"/v1/videos?limit={EACH}"] * PEOPLE)
        tokens = [person.token for person in crowd]
        ours = [Route(kinora, map(load.request, cycle(["GET"]), paths, tokens)) for paths in asked]
        answers = [await read(kinora, paths[0], tokens[0]) for paths in asked]
        files = [settings.data / f"answer{number}" for number in range(len(answers))]
        for file, answer in zip(files, answers, strict=True):
            file.write_bytes(answer)
        async with site(
            ("bench.litestar_baseline",), [str(file) for file in files], settings.data / "bare.log"
        ) as floor:
            bare = [Route(floor, [load.request("GET", f"/{number}")]) for number in range(len(answers))]
            await take_turns([*ours, *bare])
    return [row for measured in zip(WHAT, answers, ours, bare, strict=True) for row in rows(*measured)]


async def read(place: Site, path: str, token: str) -> bytes:
    """An answer, whole."""
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as client:
        answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.content


class Route:
    """One route of one site, and what asking it took."""

    def __init__(self, place: Site, requests: Iterable[bytes]) -> None:
        self.tally, self.spent = Tally(), Spent()
        self._site = place
        self._requests = cycle(requests)

    async def turn(self, most: int) -> None:
        """Ask for SECONDS."""
        with spending(self._site.pid, os.getpid()) as spent:
            tally = await load.drive(self._site.port, islice(self._requests, most), lanes=LANES, seconds=SECONDS)
        assert set(tally.statuses) == {200}, tally.statuses
        self.tally.add(tally)
        self.spent.add(spent)

    @property
    def pace(self) -> float:
        """Answers each second."""
        return self.tally.count / self.tally.seconds

    @property
    def cost(self) -> float:
        """Microseconds of the server's processor time for each answer."""
        return self.spent.cpu[0] / self.tally.count * 1e6


async def take_turns(routes: list[Route]) -> None:
    """Warm each up, then measure them again and again, so that what else the machine does falls on all."""
    for route in routes:
        await route.turn(PEOPLE)
        route.tally, route.spent = Tally(), Spent()
    for _ in range(ROUNDS):
        for route in routes:
            await route.turn(MOST)


def rows(what: str, answer: bytes, ours: Route, bare: Route) -> list[Row]:
    """The table's part for one route."""
    share = ours.spent.cpu[0] / ours.spent.wall
    return [
        Row(f"{what}, each second", figure(ours.pace), f"{figure(bare.pace)} bare Litestar", of(ours.pace, bare.pace)),
        Row("… CPU µs of the process for each", figure(ours.cost), figure(bare.cost), of(ours.cost, bare.cost)),
        Row("… share of a core: web process", percent(share)),
        Row("… bytes of the answer", f"{len(answer):,}"),
    ]
