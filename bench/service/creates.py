"""Measures creates per second over HTTP, beside the same statements sent by bare asyncpg and by pgbench.

All use the same number of connections to one database and take turns of a few seconds, so that other load on the
machine affects all alike.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import msgspec

from api.app import create_app
from api.http.state import AppState, build_app_state
from api.local import postgres as cluster
from api.settings import Settings
from api.sql import connection as db
from bench.report import Row, format_figure, format_percent, format_ratio
from bench.resource_usage import ResourceUsage, measure_usage
from bench.service import load, seeding, statements
from bench.service.load import ResponseTally
from bench.service.seeding import SignedInUser
from bench.service.statements import RecordedStatement
from bench.service.testbed import HttpProcess, run_servers, run_web

PATH = "/v1/videos"
REQUEST_BODY = {
    "prompt": "a red ball bounces over green hills",
    "seconds": 1,
    "size": "64x64",
    "quality": "turbo",
}  # 1 credit
PEOPLE = 500  # so many that nobody meets the limit of creations for each
EACH = 4  # finished clips of each, so that PostgreSQL plans for tables that are not empty
LANES = 24
ROUNDS = 4
SECONDS = 3  # of one turn
MOST = 6_000  # creates of one turn
WARM = 2  # creates, the last of which is recorded
GOAL = "≥ 0.50"

Call = list[tuple[str, tuple[Any, ...]]]


async def measure_creates() -> list[Row]:
    """The three in turns, and what a create costs."""
    async with run_servers() as (settings, postgres), run_web(settings) as site:
        crowd = await seeding.seed_users(settings, PEOPLE)
        await seeding.seed_completed_clips(settings, EACH, 1)
        recorded = await record_create(settings, crowd[0])
        http, bare = HttpCreates(site, postgres, crowd), await AsyncpgCreates.open(settings, postgres, crowd, recorded)
        binary = PgbenchCreates.find_binary()
        pgbench = PgbenchCreates(binary, settings, recorded) if binary else None
        await http.run_turn(PEOPLE)  # every token is verified once
        await bare.run_turn(PEOPLE)
        warm = WARM + http.reset_counts() + bare.reset_counts()
        for number in range(ROUNDS):
            await http.run_turn(MOST)
            await bare.run_turn(MOST)
            if pgbench:
                await pgbench.run_turn(number)
        await bare.close()
        await verify_creates(settings, warm + http.tally.count + bare.tally.count + (pgbench.count if pgbench else 0))
        return build_rows(http, bare, pgbench, len(recorded))


async def record_create(settings: Settings, person: SignedInUser) -> list[RecordedStatement]:
    """What one create asks of the database, from the bearer to the commit."""

    @asynccontextmanager
    async def open_state(settings: Settings) -> AsyncIterator[AppState]:
        async with build_app_state(settings, recorder) as app_state:
            yield app_state

    async with statements.record_statements(settings.database_url) as recorder:
        app = create_app(settings, open_state)
        transport = httpx.ASGITransport(app=cast("Any", app))
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            for _ in range(WARM):  # asyncpg asks a new connection for the types it meets
                recorder.clear()
                answer = await client.post(PATH, json=REQUEST_BODY, headers={"Authorization": f"Bearer {person.token}"})
                assert answer.status_code == 200, answer.text
                await asyncio.sleep(0)  # asyncpg tells its listeners of the commit in the loop's next round
            return await recorder.recorded_statements()


class CreateContender:
    """What one way of creating has done, and what that took."""

    def __init__(self) -> None:
        self.tally, self.spent = ResponseTally(), ResourceUsage()

    def reset_counts(self) -> int:
        """Begin anew; gives the number of creates forgotten."""
        forgotten = self.tally.count
        self.tally, self.spent = ResponseTally(), ResourceUsage()
        return forgotten


class HttpCreates(CreateContender):
    """Creates through the web process."""

    def __init__(self, site: HttpProcess, postgres: int, crowd: list[SignedInUser]) -> None:
        super().__init__()
        self._site = site
        self._pids = (site.pid, os.getpid(), postgres)
        body = msgspec.json.encode(REQUEST_BODY)
        self._requests = cycle([load.build_request("POST", PATH, person.token, body) for person in crowd])

    async def run_turn(self, most: int) -> None:
        """Create for SECONDS."""
        with measure_usage(*self._pids) as spent:
            tally = await load.send_requests(
                self._site.port, islice(self._requests, most), lanes=LANES, seconds=SECONDS
            )
        assert set(tally.statuses) == {200}, tally.statuses
        self.tally.add(tally)
        self.spent.add(spent)


class AsyncpgCreates(CreateContender):
    """The statements of a create from asyncpg, on a pool like the web process's."""

    def __init__(self, pool: asyncpg.Pool[Any], postgres: int, calls: Iterator[Call]) -> None:
        super().__init__()
        self._pool = pool
        self._pids = (os.getpid(), postgres)
        self._calls = calls

    @classmethod
    async def open(
        cls, settings: Settings, postgres: int, crowd: list[SignedInUser], recorded: list[RecordedStatement]
    ) -> AsyncpgCreates:
        """Connect, with calls for the crowd in turn."""
        pool = await db.connect(settings.database_url, connections=settings.database_connections)
        whose = cycle([dict(zip(crowd[0][:3], person[:3], strict=True)) for person in crowd])
        return cls(pool, postgres, (statements.rebind_statements(recorded, names) for names in whose))

    async def run_turn(self, most: int) -> None:
        """Create for SECONDS. What is sent is made up before, so that only sending it is measured."""
        calls = list(islice(self._calls, most))
        with measure_usage(*self._pids) as spent:
            self.tally.add(await load.run_calls(self._execute_statements, iter(calls), lanes=LANES, seconds=SECONDS))
        self.spent.add(spent)

    async def _execute_statements(self, call: Call) -> None:
        async with self._pool.acquire() as connection:
            for query, arguments in call:
                await (connection.fetch(query, *arguments) if arguments else connection.execute(query))

    async def close(self) -> None:
        """Disconnect."""
        await self._pool.close()


class PgbenchCreates:
    """The statements of a create from PostgreSQL's own load generator."""

    TURN = 10**9  # numbers set apart for the ids of one turn
    HEAD = f"\\set turn :turn + 1\n\\set n :base + :turn * 100 + :client_id\n\\set u :n % {PEOPLE} + 1\n"

    def __init__(self, binary: str, settings: Settings, recorded: list[RecordedStatement]) -> None:
        self.count, self.seconds = 0, 0.0
        self._binary = binary
        self._url = urlsplit(settings.database_url)
        self._clients = settings.database_connections
        self._script = settings.data / "create.sql"
        whose = {f"{kind}_{1:026}": f"'{kind}_' || lpad(:u::text, 26, '0')" for kind in ("user", "session", "lot")}
        self._script.write_text(self.HEAD + statements.pgbench_script(recorded, whose))

    @staticmethod
    def find_binary() -> str | None:
        """The program that comes with the embedded PostgreSQL, or the one on the path."""
        beside = cluster.postgres_binaries() / "pgbench"
        return str(beside) if beside.exists() else shutil.which("pgbench")

    async def run_turn(self, number: int) -> None:
        """Create for SECONDS."""
        options = ["--no-vacuum", "--protocol=prepared", f"--client={self._clients}", f"--time={SECONDS}"]
        options += ["--define=turn=0", f"--define=base={(number + 1) * self.TURN}", f"--file={self._script}"]
        process = await asyncio.create_subprocess_exec(
            self._binary, *options, env=self._connection_environment(), stdout=PIPE
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
        done = int(re.findall(r"actually processed: (\d+)", output)[0])
        self.count += done
        self.seconds += done / float(re.findall(r"tps = ([\d.]+)", output)[0])

    def _connection_environment(self) -> dict[str, str]:
        host = parse_qs(self._url.query)["host"][0]
        name = self._url.path.removeprefix("/")
        return {
            "PGHOST": host,
            "PGDATABASE": name,
            "PGUSER": self._url.username or "",
            "PGPASSWORD": self._url.password or "",
        }


async def verify_creates(settings: Settings, creates: int) -> None:
    """Every create that was counted is there, with its credits set aside."""
    connection = await asyncpg.connect(settings.database_url)
    sums = await connection.fetchrow(
        """
        SELECT
            (SELECT count(*) FROM generations WHERE state = 'queued') AS queued,
            (SELECT count(*) FROM holds WHERE state = 'held') AS holds,
            (SELECT sum(granted - remaining)::bigint FROM lots) AS taken,
            (SELECT sum(amount)::bigint FROM ledger_entries WHERE account = 'held') AS held
        """
    )
    await connection.close()
    assert tuple(sums) == (creates,) * 4, (creates, sums)


def build_rows(http: HttpCreates, bare: AsyncpgCreates, pgbench: PgbenchCreates | None, count: int) -> list[Row]:
    """The rows of the table."""
    ours, theirs = (each.tally.count / each.tally.seconds for each in (http, bare))
    server, _, postgres = (seconds / http.tally.count * 1e6 for seconds in http.spent.cpu)
    client, backends = (seconds / bare.tally.count * 1e6 for seconds in bare.spent.cpu)
    best = pgbench.count / pgbench.seconds if pgbench else 0
    return [
        Row(
            "creates per second",
            format_figure(ours),
            f"{format_figure(theirs)} bare asyncpg",
            format_ratio(ours, theirs),
            GOAL,
        ),
        Row("", format_figure(ours), f"{format_figure(best)} pgbench", format_ratio(ours, best))
        if best
        else Row("", "", "pgbench is missing"),
        Row("… statements for each", f"{count}"),
        Row(
            "… CPU µs of the process for each",
            format_figure(server),
            f"{format_figure(client)} bare asyncpg",
            format_ratio(server, client),
        ),
        Row(
            "… CPU µs of PostgreSQL for each",
            format_figure(postgres),
            f"{format_figure(backends)} bare asyncpg",
            format_ratio(postgres, backends),
        ),
        Row("… share of a core: web process", format_percent(http.spent.cpu[0] / http.spent.wall)),
        Row("… share of a core: load generator", format_percent(http.spent.cpu[1] / http.spent.wall)),
    ]
