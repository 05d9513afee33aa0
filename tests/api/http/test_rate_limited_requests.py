"""Rate limits as requests meet them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar
from redis.asyncio import Redis

from api.http.rate_limit import RateLimiter
from api.http.state import AppState
from tests.support.auth import bearer_header, get_me, refresh_tokens
from tests.support.users import Person


async def exhaust_policy(redis: Redis, subject: str, policy: str) -> None:
    """Leave nothing of a policy to a subject for the next hour."""
    await redis.set(f"limit:{{{subject}}}:{policy}", int((time.time() + 3600) * 1_000_000))


async def test_every_response_has_rate_limit_headers(limited_client: httpx.AsyncClient, account: Person) -> None:
    answers = [
        await get_me(limited_client, account.headers),
        await limited_client.patch("/v1/me", content=b"{", headers=account.headers),
        await limited_client.get("/v1/videos/video_0", headers=account.headers),
    ]
    assert [answer.status_code for answer in answers] == [200, 415, 404]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"user";q=200;w=4'}
    assert all(answer.headers["RateLimit"].startswith('"user";r=19') for answer in answers)


async def test_unauthenticated_requests_are_counted_by_address(limited_client: httpx.AsyncClient) -> None:
    answers = [await refresh_tokens(limited_client, "x"), await get_me(limited_client, bearer_header("x"))]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"public";q=50;w=10'}


async def test_an_exhausted_limit_is_429_with_retry_after(
    limited_client: httpx.AsyncClient, account: Person, redis: Redis
) -> None:
    await exhaust_policy(redis, account.id, "user")
    answer = await get_me(limited_client, account.headers)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limited"
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    assert answer.headers["RateLimit"].startswith('"user";r=')


async def test_guessing_bearer_tokens_is_limited(limited_client: httpx.AsyncClient, redis: Redis) -> None:
    await exhaust_policy(redis, "127.0.0.1", "public")
    assert (await get_me(limited_client, bearer_header("x"))).status_code == 429


async def test_signing_up_has_its_own_limit(limited_client: httpx.AsyncClient, redis: Redis) -> None:
    await exhaust_policy(redis, "127.0.0.1", "signup")
    form = {"email": "a@example.org", "password": "long enough"}
    assert (await limited_client.post("/v1/auth/signup", json=form)).status_code == 429
    assert (await limited_client.post("/v1/auth/login", json=form)).status_code == 401


async def test_creates_count_against_two_limits(
    limited_client: httpx.AsyncClient, account: Person, redis: Redis
) -> None:
    await exhaust_policy(redis, account.id, "create")
    assert (await limited_client.post("/v1/videos", json={}, headers=account.headers)).status_code == 429
    assert (await limited_client.get("/v1/videos", headers=account.headers)).status_code == 200


@pytest.fixture
async def client_without_redis(
    app: Litestar, client: httpx.AsyncClient, app_state: AppState
) -> AsyncIterator[httpx.AsyncClient]:
    """The client of an application whose Redis is gone."""
    async with Redis.from_url("unix:///nowhere/redis.sock") as gone:
        app.state.app_state = app_state._replace(limiter=RateLimiter(gone))
        yield client


async def test_without_redis_reads_succeed_and_creates_are_503(
    client_without_redis: httpx.AsyncClient, account: Person
) -> None:
    read = await get_me(client_without_redis, account.headers)
    create = await client_without_redis.post("/v1/videos", json={"prompt": "a red ball"}, headers=account.headers)
    assert (read.status_code, "RateLimit" in read.headers) == (200, False)
    assert (create.status_code, create.headers["Retry-After"]) == (503, "2")
