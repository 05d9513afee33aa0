"""What whoever runs the server sees: liveness, readiness, metrics, the docs."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import httpx
import msgspec
from litestar import Litestar
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from api.http import metrics
from api.http.metrics import REGISTRY, DatabaseGauges
from api.http.state import AppState
from api.schemas.common import Health
from api.settings import Settings
from api.sql.connection import Pool
from tests.support import factories
from tests.support.users import Person


class NoPool:
    """A pool whose server is gone."""

    def acquire(self) -> Any:
        raise ConnectionRefusedError


def read(answer: httpx.Response) -> Health:
    return msgspec.json.decode(answer.content, type=Health)


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_ready_when_both_servers_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/ready")
    assert (answer.status_code, read(answer)) == (200, Health(status="ok", checks={"postgresql": "ok", "redis": "ok"}))


async def test_without_postgresql_it_lives_and_is_not_ready(
    client: httpx.AsyncClient, app_state: AppState, app: Litestar
) -> None:
    app.state.app_state = app_state._replace(pool=NoPool())
    ready = await client.get("/health/ready")
    assert (ready.status_code, read(ready).status) == (503, "down")
    assert read(ready).checks["postgresql"] == "does not answer"
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/v1/billing/balance")).status_code == 401
    answer = await client.get(
        "/v1/me", headers={"Authorization": f"Bearer {app_state.keyring.issue_access_token('u', 's')}"}
    )
    assert answer.status_code == 503


async def test_a_schema_that_lacks_a_migration_is_not_ready(
    client: httpx.AsyncClient, connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute("DELETE FROM migrations WHERE name LIKE '0001%'")
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert "kinora migrate" in read(answer).checks["postgresql"]


async def test_metrics_count_answers_by_route_and_not_by_path(client: httpx.AsyncClient, account: Person) -> None:
    labels = {"method": "GET", "route": "/v1/models/{model_id}", "status": "404"}
    before = sample("kinora_requests_total", **labels) or 0
    for name in ("one", "two"):
        await client.get(f"/v1/models/{name}", headers=account.headers)
    await client.request("BREW", "/v1/models/three")
    assert sample("kinora_requests_total", **labels) == before + 2
    text = (await client.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {"kinora_request_seconds", "kinora_event_streams", "process_resident_memory_bytes"} <= families.keys()
    assert "models/one" not in text
    assert "BREW" not in text


async def test_gauges_show_the_queue(pool: Pool, settings: Settings, connection: asyncpg.Connection[Any]) -> None:
    account = await factories.add_account(connection)
    await factories.add_generation(connection, account)
    waiting = await factories.add_generation(connection, account)
    running = await factories.add_generation(connection, account, pool="large")
    await connection.execute("UPDATE generations SET created_at = now() - interval '90 seconds' WHERE id = $1", waiting)
    await connection.execute(
        "UPDATE generations SET state = 'in_progress', losses = 2, lease_until = now() - interval '1 s' WHERE id = $1",
        running,
    )
    await connection.execute(
        "INSERT INTO holds (generation_id, user_id, credits, parts) VALUES ($1, $2, 8, '[]'::jsonb)",
        running,
        account.id,
    )
    await connection.execute(
        """
        INSERT INTO media (generation_id, variant, key, content_type, bytes, etag)
        VALUES ($1, 'poster', 'k', 'image/jpeg', 1234, 'e')
        """,
        waiting,
    )
    await DatabaseGauges().refresh(pool, settings.data)
    queued, large = {"pool": "default", "state": "queued"}, {"pool": "large", "state": "in_progress"}
    assert (sample("kinora_jobs", **queued), sample("kinora_jobs", **large)) == (2, 1)
    assert sample("kinora_oldest_job_seconds", **queued) == 90
    assert (sample("kinora_leases_lapsed", pool="large"), sample("kinora_attempts_lost", **large)) == (1, 2)
    assert (sample("kinora_credits_held"), sample("kinora_media_bytes", kind="poster")) == (8, 1234)
    assert sample("kinora_disk_free_bytes")
    assert sample("kinora_database_up") == 1


async def test_gauges_of_a_queue_that_is_empty_again_go_away(
    pool: Pool, settings: Settings, connection: asyncpg.Connection[Any]
) -> None:
    account = await factories.add_account(connection)
    job = await factories.add_generation(connection, account, pool="brief")
    await DatabaseGauges().refresh(pool, settings.data)
    assert sample("kinora_jobs", pool="brief", state="queued") == 1
    await connection.execute("UPDATE generations SET state = 'cancelled' WHERE id = $1", job)
    await DatabaseGauges().refresh(pool, settings.data)
    assert sample("kinora_jobs", pool="brief", state="queued") is None


async def test_asking_often_reads_the_database_once(settings: Settings, pool: Pool) -> None:
    observer = DatabaseGauges()
    await observer.refresh(pool, settings.data)
    await observer.refresh(NoPool(), settings.data)
    assert sample("kinora_database_up") == 1


async def test_metrics_are_answered_while_postgresql_is_away(settings: Settings) -> None:
    await DatabaseGauges().refresh(NoPool(), settings.data)
    assert sample("kinora_database_up") == 0
    assert b"kinora_database_up 0.0" in metrics.render_metrics()


async def test_redis_away_is_degraded_and_still_ready(
    client: httpx.AsyncClient, app: Litestar, app_state: AppState
) -> None:
    async with Redis.from_url("redis://127.0.0.1:1") as nobody:
        app.state.app_state = app_state._replace(redis=nobody)
        answer = await client.get("/health/ready")
    assert (answer.status_code, read(answer).status) == (200, "degraded")
    assert read(answer).checks == {"postgresql": "ok", "redis": "does not answer"}


# The docs


async def test_the_docs_need_nothing_from_outside(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.findall(r"https?:|//", page.text.removeprefix("<!doctype html>"))
    wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(wanted) == 4
    for path in wanted:
        asset = await client.get(path)
        assert asset.status_code == 200, path
        assert asset.headers["x-content-type-options"] == "nosniff"


async def test_the_docs_may_load_from_this_server_alone(client: httpx.AsyncClient) -> None:
    policy = dict(
        rule.split(" ", 1) for rule in (await client.get("/docs")).headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert not [rule for rule in policy.values() if "http" in rule or "*" in rule]


async def test_style_sheets_name_no_other_host(client: httpx.AsyncClient) -> None:
    style = (await client.get("/docs/swagger-ui.css")).text
    assert not re.findall(r"@import|url\((?!['\"]?data:)", style)


async def test_only_what_the_page_needs_is_served(client: httpx.AsyncClient) -> None:
    for name in ("swagger-editor.js", "..%2F__init__.py", "%2e%2e/core.py", "LICENSE"):
        assert (await client.get(f"/docs/{name}")).status_code == 404, name


async def test_the_document_is_served_and_draws_itself_from_this_server(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/"}]
    assert '"/openapi.json"' in (await client.get("/docs/start.js")).text
