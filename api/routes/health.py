"""Health and metrics routes for the operator."""

import asyncio

from asyncpg import InterfaceError, PostgresError
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from redis.exceptions import RedisError

from api.http import metrics
from api.http.metrics import DatabaseGauges
from api.http.state import AppState
from api.schemas.common import Health
from api.sql import monitoring
from api.sql.connection import Pool

DATABASE_GAUGES = DatabaseGauges()
CHECK_TIMEOUT = 2.0  # seconds until a system that does not respond counts as down


@get("/health/live", operation_id="get_live", summary="Check liveness")
async def get_live() -> Health:
    """Respond as long as the process runs, even if the systems it depends on are down."""
    return Health(status="ok", checks={})


@get(
    "/health/ready",
    operation_id="get_ready",
    summary="Check readiness",
    responses={503: ResponseSpec(Health, description="PostgreSQL is unreachable or lacks migrations.")},
)
async def get_ready(app_state: NamedDependency[AppState]) -> Response[Health]:
    """Check whether requests can be served. Without Redis the server is `degraded`: it can read but not create."""
    checks = {"postgresql": await _check_postgresql(app_state.pool), "redis": await _check_redis(app_state)}
    down, degraded = checks["postgresql"] != "ok", checks["redis"] != "ok"
    status = Health(status="down" if down else "degraded" if degraded else "ok", checks=checks)
    return Response(status, status_code=503 if down else 200)


async def _check_postgresql(pool: Pool) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT), pool.acquire() as db:
            missing = await monitoring.list_missing_migrations(db)
    except (OSError, PostgresError, InterfaceError):
        return "does not answer"
    return f"lacks {', '.join(missing)}: run `kinora migrate`" if missing else "ok"


async def _check_redis(app_state: AppState) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await app_state.redis.ping()
    except (OSError, RedisError):
        return "does not answer"
    return "ok"


@get("/metrics", operation_id="get_metrics", summary="Get metrics", media_type="text/plain; version=0.0.4")
async def get_metrics(app_state: NamedDependency[AppState]) -> bytes:
    """Return metrics in Prometheus's text format: requests of this process and the state of the job queue."""
    await DATABASE_GAUGES.refresh(app_state.pool, app_state.settings.data)
    return metrics.render_metrics()


router = Router(
    path="/",
    route_handlers=[get_live, get_ready, get_metrics],
    tags=["Operation"],
    opt={"exclude_from_auth": True, "uncounted": True},
)
