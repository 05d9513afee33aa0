"""Measures getting one video and a page of them, beside a bare Litestar route that returns the same bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import cycle, islice

import httpx

from bench.report import Row, format_figure, format_percent, format_ratio
from bench.resource_usage import ResourceUsage, measure_usage
from bench.service import load, seeding
from bench.service.load import ResponseTally
from bench.service.testbed import HttpProcess, run_http_process, run_servers, run_web

PEOPLE = 200  # so many that nobody meets the limit of requests for each
EACH = 20  # clips of each person: one page
LANES = 16
ROUNDS = 4
SECONDS = 2.0  # of one turn
MOST = 10_000  # requests of one turn
WHAT = ("get a video", f"list {EACH} videos")


async def measure_reads() -> list[Row]:
    """Ours and the bare ones in turns."""
    async with run_servers() as (settings, _), run_web(settings) as kinora:
        crowd = await seeding.seed_users(settings, PEOPLE)
        await seeding.seed_completed_clips(settings, EACH, 1)
        # Clips are numbered person by person, so the first of each is known.
        one = [f"/v1/videos/video_{number * EACH + 1:026}" for number in range(PEOPLE)]
        asked = (one, [f"/v1/videos?limit={EACH}"] * PEOPLE)
        tokens = [person.token for person in crowd]
        ours = [RouteContender(kinora, map(load.build_request, cycle(["GET"]), paths, tokens)) for paths in asked]
        answers = [await fetch_body(kinora, paths[0], tokens[0]) for paths in asked]
        files = [settings.data / f"answer{number}" for number in range(len(answers))]
        for file, answer in zip(files, answers, strict=True):
            file.write_bytes(answer)
        async with run_http_process(
            ("bench.service.litestar_baseline",), [str(file) for file in files], settings.data / "bare.log"
        ) as floor:
            bare = [RouteContender(floor, [load.build_request("GET", f"/{number}")]) for number in range(len(answers))]
            await run_in_turns([*ours, *bare])
    return [row for measured in zip(WHAT, answers, ours, bare, strict=True) for row in build_rows(*measured)]


async def fetch_body(place: HttpProcess, path: str, token: str) -> bytes:
    """An answer, whole."""
    async with httpx.AsyncClient(base_url=place.base_url, trust_env=False) as client:
        answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.content


class RouteContender:
    """One route of one site, and what asking it took."""

    def __init__(self, place: HttpProcess, requests: Iterable[bytes]) -> None:
        self.tally, self.spent = ResponseTally(), ResourceUsage()
        self._site = place
        self._requests = cycle(requests)

    async def run_turn(self, most: int) -> None:
        """Ask for SECONDS."""
        with measure_usage(self._site.pid, os.getpid()) as spent:
            tally = await load.send_requests(
                self._site.port, islice(self._requests, most), lanes=LANES, seconds=SECONDS
            )
        assert set(tally.statuses) == {200}, tally.statuses
        self.tally.add(tally)
        self.spent.add(spent)

    @property
    def responses_per_second(self) -> float:
        """Responses per second."""
        return self.tally.count / self.tally.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Microseconds of the server's processor time for each answer."""
        return self.spent.cpu[0] / self.tally.count * 1e6


async def run_in_turns(routes: list[RouteContender]) -> None:
    """Warm each up, then measure them again and again, so that what else the machine does falls on all."""
    for route in routes:
        await route.run_turn(PEOPLE)
        route.tally, route.spent = ResponseTally(), ResourceUsage()
    for _ in range(ROUNDS):
        for route in routes:
            await route.run_turn(MOST)


def build_rows(what: str, answer: bytes, ours: RouteContender, bare: RouteContender) -> list[Row]:
    """The rows of one route."""
    share = ours.spent.cpu[0] / ours.spent.wall
    return [
        Row(
            f"{what}, per second",
            format_figure(ours.responses_per_second),
            f"{format_figure(bare.responses_per_second)} bare Litestar",
            format_ratio(ours.responses_per_second, bare.responses_per_second),
        ),
        Row(
            "… CPU µs of the process for each",
            format_figure(ours.cpu_microseconds),
            format_figure(bare.cpu_microseconds),
            format_ratio(ours.cpu_microseconds, bare.cpu_microseconds),
        ),
        Row("… share of a core: web process", format_percent(share)),
        Row("… bytes of the answer", f"{len(answer):,}"),
    ]
