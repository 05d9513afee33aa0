"""`python -m bench.chaos`: kill workers, their engines and the web process while they work; nothing may be lost.

Simulated users create clips at a real web process, and real workers generate them with tiny random weights of the
real classes. SIGKILL hits a worker or its engine, in turn, while it holds a lease, and now and then the web process
while it answers a create; now and then a worker is frozen beyond its lease. In the end every accepted job has ended
and the ledger is exact, or the exit status is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random, SystemRandom
from statistics import median
from typing import NamedTuple

import msgspec

from api.local import servers as embedded
from api.local.child_process import ChildEndedError
from api.local.listener import open_listener
from api.settings import Settings
from api.sql import connection as db
from api.sql import migrate
from api.storage.local import Storage
from bench.chaos.ledger_audit import AuditResult, audit_books
from bench.chaos.nemesis import TARGETS, Kill, Nemesis, Target, Tell
from bench.chaos.processes import ChaosProcess, WorkerProcess
from bench.chaos.simulated_users import BrokenPromiseError, SimulatedUsers

KILLS, SHORT = 100, 30
WORKERS = 2
PEOPLE = 5
SECONDS_A_KILL, SECONDS_AROUND = 15.0, 120.0
"""Limits, several times what it takes on a busy machine: whoever reaches them hangs."""


class ChaosReport(NamedTuple):
    """The figures of a run. `broken` describes each guarantee that was violated.

    `recoveries` are seconds from a kill to the claim of the next attempt, `starts` those of a worker until it is
    ready.
    """

    nemesis: Nemesis
    books: AuditResult
    recoveries: dict[Target, list[float]]
    starts: list[float]
    seconds: float
    broken: list[str]


async def run_chaos(settings: Settings, *, kills: int, seed: int, tell: Tell) -> ChaosReport:
    """Run on an empty, migrated database, with the weights that the settings name."""
    # A short lease; and no job is given up because its engine was hit again and again.
    quick = msgspec.structs.replace(settings, device="cpu", threads=1, lease=2.0, sweep_every=0.5, max_tries=1000)
    began, random = time.monotonic(), Random(seed)
    broken: list[str] = []
    async with await db.connect(settings.database_url) as pool, _start_processes(quick) as (url, web, workers):
        crowd = SimulatedUsers(url, random)
        nemesis = Nemesis(pool, web, workers, crowd, random, tell)
        try:
            async with asyncio.timeout(SECONDS_AROUND + SECONDS_A_KILL * kills), asyncio.TaskGroup() as people:
                for _ in range(PEOPLE):
                    people.create_task(crowd.simulate_user())
                await nemesis.kill_processes(kills)
                crowd.leaving = True
        except* (BrokenPromiseError, ChildEndedError) as failures:
            broken += map(str, failures.exceptions)
        except* TimeoutError:
            broken.append(f"It hangs after {len(nemesis.kills)} of {kills} kills and {len(crowd.clips)} jobs.")
        async with pool.acquire() as connection:
            books = await audit_books(connection, Storage(settings.data / "media"), crowd)
        starts = [seconds for worker in workers for seconds in worker.startup_seconds()]
        recoveries = {target: _recovery_times(target, nemesis.kills, workers) for target in TARGETS}
    broken += [*nemesis.broken, *books.broken]
    return ChaosReport(nemesis, books, recoveries, starts, time.monotonic() - began, broken)


@asynccontextmanager
async def _start_processes(settings: Settings) -> AsyncIterator[tuple[str, ChaosProcess, list[WorkerProcess]]]:
    """A web process behind a socket that outlives it, and workers."""
    logs = settings.data / "logs"
    logs.mkdir(parents=True)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(open_listener("127.0.0.1", 0))
        descriptor = listener.fileno()
        web = ChaosProcess("web", settings, logs, "serve", "--fd", str(descriptor), shared=(descriptor,))
        workers = [WorkerProcess(number, settings, logs) for number in range(WORKERS)]
        for process in (web, *workers):
            await process.start()
            stack.push_async_callback(process.stop)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", web, workers


def _recovery_times(target: Target, kills: Sequence[Kill], workers: Sequence[WorkerProcess]) -> list[float]:
    """Seconds from each kill to the next attempt. A clip that was cancelled, or lacked only its files, has none."""
    began = {(one.video_id, one.number): one.began for worker in workers for one in worker.logged_attempts()}
    nexts = [(kill.at, began.get((kill.video_id, kill.attempt + 1))) for kill in kills if kill.target == target]
    return [claimed - killed for killed, claimed in nexts if claimed is not None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run on temporary servers. Their folder is kept if a guarantee was violated."""
    options = _build_parser().parse_args(arguments)
    kills = options.kills or (SHORT if options.short else KILLS)
    folder = Path(tempfile.mkdtemp(prefix="kinora-"))
    print(f"seed {options.seed}: {kills} kills of {WORKERS} workers and their engines, in turn, each under a lease")
    report = asyncio.run(_run_on_own_servers(folder, kills, options.seed))
    print(_summarize(report))
    if report.broken:
        print(*report.broken, f"The log of each process is in {folder}/data/logs.", sep="\n", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help=f"{SHORT} kills instead of {KILLS}")
    parser.add_argument("--kills", type=int, help="number of kills")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**31), help="seed of the random moments")
    return parser


async def _run_on_own_servers(folder: Path, kills: int, seed: int) -> ChaosReport:
    from transformers.utils import logging

    from engine.testing import tiny_ltx

    logging.disable_progress_bar()
    weights = await asyncio.to_thread(tiny_ltx.write_model, folder / "weights")
    async with embedded.run_servers(folder / "servers", durable=False) as servers:
        await migrate.apply_migrations(servers.database_url)
        settings = Settings(
            database_url=servers.database_url,
            redis_url=servers.redis_url,
            data=folder / "data",
            secret="of no value, for this run only",  # noqa: S106 - it opens nothing
            weights={"kinora-mini": str(weights)},
        )
        return await run_chaos(settings, kills=kills, seed=seed, tell=lambda line: print(line, flush=True))


def _summarize(report: ChaosReport) -> str:
    """A summary of the run for the terminal."""
    nemesis, books, recoveries = report.nemesis, report.books, report.recoveries
    hit = " and ".join(f"{sum(kill.target == target for kill in nemesis.kills)} {target}s" for target in TARGETS)
    jobs = ", ".join(f"{count} {state}" for state, count in books.jobs.items())
    return f"""
{hit} killed under a lease ({nemesis.too_late} kills came too late to count), {nemesis.stalls} workers frozen beyond it
{nemesis.web_kills} web processes killed; {books.cut_off} creates lost their answer, {books.committed} of them committed
{sum(books.jobs.values())} jobs accepted: {jobs}, in {books.attempts} attempts
from the kill of its engine to a job's next claim: {_format_spread(recoveries["engine"])}
from the kill of its worker to a job's next claim: {_format_spread(recoveries["worker"])}
from the start of a worker until it is ready: {_format_spread(report.starts)}
{"BROKEN" if report.broken else "no job lost, no credit lost, nobody outlived"}, in {report.seconds:.0f} s"""


def _format_spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "never"
    return f"median {median(seconds):.1f} s, at most {max(seconds):.1f} s ({len(seconds)} times)"
