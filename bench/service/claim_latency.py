"""Measures the time from the commit of a create to the commit of its claim by an idle worker, and the worker's cost.

PostgreSQL records when each transaction commits (`track_commit_timestamp`), and a trigger of this measurement records
which transaction changed which row: both times are by the same clock.
"""

from __future__ import annotations

import asyncio
from itertools import cycle, islice

import httpx
from redis.asyncio import Redis

from api.http.state import AppState
from bench.report import Row, format_figure, format_percent
from bench.resource_usage import measure_usage, process_tree, quantile
from bench.service import seeding
from bench.service.creates import PATH, REQUEST_BODY
from bench.service.seeding import SignedInUser
from bench.service.testbed import HttpProcess, open_state, run_servers, run_web, run_worker, with_settings
from engine.testing import tiny_ltx

PEOPLE = 10
WARM = 5  # creates before those that count: the child loads its model, caches fill
CREATES = 120
IDLE = 20.0  # seconds over which the idle worker is watched
PATIENCE = 120.0  # seconds for what should take a few at most: the worker imports torch before its first claim
LOOK = 0.01  # seconds between looks at who waits in Redis

TIMES = "ALTER SYSTEM SET track_commit_timestamp = on"
MOVES = """
CREATE TABLE bench_moves (generation_id text, state text, xid xid8);
CREATE FUNCTION bench_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO bench_moves VALUES (NEW.id, NEW.state, pg_current_xact_id()); RETURN NULL; END $$;
CREATE TRIGGER bench_made AFTER INSERT ON generations FOR EACH ROW EXECUTE FUNCTION bench_move();
CREATE TRIGGER bench_moved AFTER UPDATE OF state ON generations FOR EACH ROW
  WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION bench_move();
"""
WAITS = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(claim.xid::xid) - pg_xact_commit_timestamp(made.xid::xid))::float8
FROM bench_moves made JOIN bench_moves claim USING (generation_id)
WHERE made.state = 'queued' AND claim.state = 'in_progress' AND generation_id = ANY($1)
"""


async def measure_claim_latency() -> list[Row]:
    """One create at a time, each to a worker that waits for it; then nothing for a while."""
    async with run_servers(system=TIMES) as (settings, _), run_web(settings) as site:
        weights = await asyncio.to_thread(tiny_ltx.write_model, settings.data / "weights")
        crowd = await seeding.seed_users(settings, PEOPLE)
        at_work = with_settings(settings, weights={"kinora-mini": str(weights)}, threads=1)
        async with run_worker(at_work) as running, open_state(settings) as app_state:
            await install_transition_log(app_state)
            made = [await time_one_claim(app_state, site, person) for person in islice(cycle(crowd), WARM + CREATES)]
            waits = await fetch_claim_delays(app_state, made[WARM:])
            await wait_until_idle(app_state.redis)
            assert len(process_tree(running.pid)) >= 3  # the worker, the server it forks from, the engine
            with measure_usage(running.pid) as spent:
                await asyncio.sleep(IDLE)
    return build_rows(waits, spent.cpu[0] / spent.wall)


async def install_transition_log(app_state: AppState) -> None:
    async with app_state.pool.acquire() as connection:
        await connection.execute(MOVES)


async def time_one_claim(app_state: AppState, site: HttpProcess, person: SignedInUser) -> str:
    """Create, see it claimed, cancel it; the worker is then on its way back to waiting. Gives the video's id."""
    async with asyncio.timeout(PATIENCE):
        await wait_until_idle(app_state.redis)
        async with httpx.AsyncClient(base_url=site.base_url, trust_env=False) as client:
            answer = await client.post(PATH, json=REQUEST_BODY, headers={"Authorization": f"Bearer {person.token}"})
        assert answer.status_code == 200, answer.text
        video_id: str = answer.json()["id"]
        async with app_state.hub.watch(person.user_id, video_id) as watcher:
            while (await app_state.library.get(video_id, person.user_id)).state == "queued":
                await watcher.take_snapshots(1.0)
        await app_state.lifecycle.cancel(video_id, person.user_id)
        return video_id


async def wait_until_idle(redis: Redis) -> None:
    """Wait until the worker waits: in Redis, for its bell."""
    while not (await redis.info("clients"))["blocked_clients"]:  # noqa: ASYNC110 (Redis tells nobody who blocks)
        await asyncio.sleep(LOOK)


async def fetch_claim_delays(app_state: AppState, made: list[str]) -> list[float]:
    """Seconds from each create's commit to its claim's."""
    async with app_state.pool.acquire() as connection:
        waits = [record[0] for record in await connection.fetch(WAITS, made)]
    assert len(waits) == len(made) == CREATES
    assert min(waits) > 0
    return waits


def build_rows(waits: list[float], share: float) -> list[Row]:
    """The rows of the table."""
    median, late, last = (f"{format_figure(quantile(waits, part) * 1000)} ms" for part in (0.5, 0.95, 1.0))
    return [
        Row("create → claim, idle worker: median", median, goal="≤ 10 ms"),
        Row("… 95 % within", late),
        Row("… all within", last),
        Row("share of a core: idle worker and engine", format_percent(share) if share else "< 0.1 %", goal="≤ 1 %"),
    ]
