"""Kills processes. A kill counts only if it hit an attempt whose lease was valid according to PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Literal, NamedTuple

from api.sql.connection import Pool
from bench.chaos.processes import ChaosProcess, WorkerProcess
from bench.chaos.simulated_users import SimulatedUsers

LONGEST = 1.5
"""Seconds between the sight of a lease and the kill at most: about an attempt. They are drawn, so that kills fall
anywhere in it."""
WEB_EVERY = 3
"""Number of kills after which the web process is killed too."""
ANSWERING = 0.03
"""Seconds after somebody asked for a clip within which the web process is killed: about what an answer takes."""
STALL_EVERY = 5
"""Number of kills after which a worker is frozen until another has its job, and then continues with it."""
LONGEST_STALL = 10.0
"""Seconds after which it goes on in any case."""
LOOK = 0.02
"""Seconds between two looks at the leases."""

Target = Literal["worker", "engine"]
TARGETS: tuple[Target, ...] = ("engine", "worker")
Tell = Callable[[str], None]


class HeldLease(NamedTuple):
    """A worker's hold on a job; `progress` is in percent."""

    worker: WorkerProcess
    video_id: str
    attempt: int
    progress: float


class Kill(NamedTuple):
    """A SIGKILL that hit an attempt under its lease, at a Unix time."""

    target: Target
    video_id: str
    attempt: int
    at: float


class Nemesis:
    """Kills an engine and a worker in turn, and restarts what was killed."""

    def __init__(
        self,
        pool: Pool,
        web: ChaosProcess,
        workers: Sequence[WorkerProcess],
        crowd: SimulatedUsers,
        random: Random,
        tell: Tell,
    ) -> None:
        self.kills: list[Kill] = []
        self.too_late = 0
        self.web_kills = 0
        self.stalls = 0
        self.broken: list[str] = []
        self._pool = pool
        self._web = web
        self._workers = workers
        self._crowd = crowd
        self._random = random
        self._tell = tell

    async def kill_processes(self, kills: int) -> None:
        """Kill until the given number of kills has hit. Raises ChildEndedError if a process ends by itself."""
        while len(self.kills) < kills:
            target = TARGETS[len(self.kills) % 2]
            if not await self._kill_lease_holder(target):
                self.too_late += 1
                continue
            if len(self.kills) % WEB_EVERY == 0:
                await self._kill_web_process()
            if len(self.kills) % STALL_EVERY == 1:
                await self._freeze_worker()

    async def _kill_lease_holder(self, target: Target) -> bool:
        """Kill a process that holds a lease; True if the lease was still valid."""
        lease = await self._wait_for_lease(target)
        kill = Kill(target, lease.video_id, lease.attempt, time.time())
        manner = await self._kill_target(lease.worker, target)
        if manner is None or not await self._hit_running_attempt(kill):
            return False
        self.kills.append(kill)
        where = f"{lease.progress:2.0f} % of attempt {lease.attempt} of {lease.video_id}"
        self._tell(f"kill {len(self.kills):3}  {target} at {where}{manner}")
        return True

    async def _kill_target(self, worker: WorkerProcess, target: Target) -> str | None:
        """Kill the target, restart a worker, and report what became of its children; None if the target is gone."""
        if target == "engine":
            return "" if worker.kill_engine() else None
        fall = await worker.kill()
        await worker.start()
        self.broken += [f"{name} outlived its killed worker by a second." for name in fall.survivors]
        return f"; its children were gone in {fall.seconds * 1000:.0f} ms"

    async def _wait_for_lease(self, target: Target) -> HeldLease:
        """Wait for a random moment of a lease whose worker is alive and, if the engine is the target, has one."""
        while True:
            while not await self._killable_leases(target):  # noqa: ASYNC110 - nobody tells us of a lease
                await asyncio.sleep(LOOK)
            await asyncio.sleep(self._random.uniform(0, LONGEST))
            if leases := await self._killable_leases(target):
                return self._random.choice(leases)

    async def _killable_leases(self, target: Target) -> list[HeldLease]:
        return [lease for lease in await self._fetch_leases() if target == "worker" or lease.worker.find_engine]

    async def _fetch_leases(self) -> list[HeldLease]:
        for process in (self._web, *self._workers):
            process.raise_if_ended()
        workers = {worker.database_name: worker for worker in self._workers}
        async with self._pool.acquire() as db:
            rows = await db.fetch(
                """
                SELECT worker, id, attempt, progress
                FROM generations
                WHERE state = 'in_progress'
                  AND lease_until > now()
                  AND worker = ANY($1)
                ORDER BY id
                """,
                [alias for alias in workers if alias],
            )
        return [HeldLease(workers[row["worker"]], row["id"], row["attempt"], row["progress"]) for row in rows]

    async def _hit_running_attempt(self, kill: Kill) -> bool:
        """True if the attempt was still running when it was hit; the kill may have returned it to the queue since."""
        async with self._pool.acquire() as db:
            hit: bool = await db.fetchval(
                """
                SELECT attempt > $2 OR state IN ('queued', 'in_progress')
                FROM generations
                WHERE id = $1
                """,
                kill.video_id,
                kill.attempt,
            )
        return hit

    async def _kill_web_process(self) -> None:
        """Kill the web process while it serves a create. Callers wait at our socket for the next one."""
        while not self._crowd.waiting:
            await self._crowd.asking.wait()
            await asyncio.sleep(self._random.uniform(0, ANSWERING))
        self._tell(f"  and the web process, with a create to answer: {self._crowd.waiting}")
        await self._web.kill()
        await self._web.start()
        self.web_kills += 1

    async def _freeze_worker(self) -> None:
        """Freeze a worker beyond its lease. Nothing that it does afterwards may have an effect."""
        lease = await self._wait_for_lease("worker")
        with suppress(TimeoutError), lease.worker.suspended():
            async with asyncio.timeout(LONGEST_STALL):
                while not await self._was_reclaimed(lease):  # noqa: ASYNC110 - nobody tells us of a claim
                    await asyncio.sleep(LOOK)
            self.stalls += 1
            self._tell(f"  and a frozen worker, while another took {lease.video_id} from it")

    async def _was_reclaimed(self, lease: HeldLease) -> bool:
        async with self._pool.acquire() as db:
            attempt: int = await db.fetchval("SELECT attempt FROM generations WHERE id = $1", lease.video_id)
        return attempt > lease.attempt
