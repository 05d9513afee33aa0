"""The Redis script agrees with a plain model of GCRA, and the limiter says so in the draft's words."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from api.http.rate_limit import (
    CREATE,
    PUBLIC,
    SCRIPT,
    SIGN_UP,
    USER,
    RateLimiter,
    RateLimiterDownError,
    RateLimitPolicy,
    subject_of_address,
)

SECOND = 1_000_000
START = 1_800_000_000 * SECOND

# (interval in µs, burst). Intervals of a second and more: keys end by Redis' own clock, which must not catch up.
POLICIES = st.lists(st.tuples(st.integers(SECOND, 100 * SECOND), st.integers(1, 5)), min_size=1, max_size=3)
PAUSES = st.lists(st.one_of(st.just(0), st.integers(0, 200 * SECOND)), min_size=1, max_size=30)


class GcraModel:
    """GCRA by the book: a virtual arrival time for each policy, none moved unless all agree."""

    def __init__(self, policies: list[tuple[int, int]]) -> None:
        self.policies = policies
        self.arrivals = [0] * len(policies)

    def take(self, now: int) -> list[int]:
        arrivals = [max(arrival, now) for arrival in self.arrivals]
        waits = [
            arrival + interval - interval * burst - now
            for arrival, (interval, burst) in zip(arrivals, self.policies, strict=True)
        ]
        wait = max(0, *waits)
        if wait == 0:
            arrivals = [arrival + interval for arrival, (interval, _) in zip(arrivals, self.policies, strict=True)]
            self.arrivals = arrivals
        left = [
            (interval * burst - (arrival - now)) // interval
            for arrival, (interval, burst) in zip(arrivals, self.policies, strict=True)
        ]
        return [wait, *left, *(arrival - now for arrival in arrivals)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policies=POLICIES, pauses=PAUSES)
async def test_the_script_agrees_with_the_model(
    redis: Redis, policies: list[tuple[int, int]], pauses: list[int]
) -> None:
    script, model, now = redis.register_script(SCRIPT), GcraModel(policies), START
    keys = [f"limit:{{{uuid.uuid4()}}}:{index}" for index in range(len(policies))]
    numbers = [number for policy in policies for number in policy]
    for pause in pauses:
        now += pause
        assert await script(keys, [now, *numbers]) == model.take(now)


async def test_keys_expire(redis: Redis) -> None:
    script, key = redis.register_script(SCRIPT), f"limit:{{{uuid.uuid4()}}}:x"
    await script([key], [0, 10 * SECOND, 3])
    await script([key], [0, 10 * SECOND, 3])
    assert 19_000 < await redis.pttl(key) <= 20_000


def _subject() -> str:
    return f"user_{uuid.uuid4()}"


async def test_a_burst_passes_and_the_next_one_waits(redis: Redis) -> None:
    limiter, subject, policy = RateLimiter(redis), _subject(), RateLimitPolicy("slow", per_second=1 / 60, burst=3)
    verdicts = [await limiter.take(subject, [policy]) for _ in range(4)]
    assert [verdict.wait == 0 for verdict in verdicts] == [True, True, True, False]
    assert 59 < verdicts[-1].wait <= 60
    assert verdicts[-1].headers["Retry-After"] == "60"


async def test_concurrent_requests_share_the_burst(redis: Redis) -> None:
    limiter, subject, policy = RateLimiter(redis), _subject(), RateLimitPolicy("slow", per_second=1 / 60, burst=5)
    verdicts = await asyncio.gather(*(limiter.take(subject, [policy]) for _ in range(20)))
    assert sum(verdict.wait == 0 for verdict in verdicts) == 5


async def test_a_refused_request_is_charged_to_no_policy(redis: Redis) -> None:
    limiter, subject = RateLimiter(redis), _subject()
    narrow, wide = (
        RateLimitPolicy("narrow", per_second=1 / 60, burst=1),
        RateLimitPolicy("wide", per_second=1 / 60, burst=3),
    )
    for _ in range(5):
        await limiter.take(subject, [wide, narrow])
    assert (await limiter.take(subject, [wide])).headers["RateLimit"] == '"wide";r=1;t=120'


async def test_subjects_have_separate_limits(redis: Redis) -> None:
    limiter, policy = RateLimiter(redis), RateLimitPolicy("one", per_second=1 / 60, burst=1)
    assert (await limiter.take(_subject(), [policy])).wait == 0
    assert (await limiter.take(_subject(), [policy])).wait == 0


async def test_the_headers_follow_the_draft(redis: Redis) -> None:
    verdict = await RateLimiter(redis).take(_subject(), [USER, CREATE])
    assert verdict.headers == {
        "RateLimit-Policy": '"user";q=200;w=4, "create";q=100;w=10',
        "RateLimit": '"user";r=199;t=1, "create";r=99;t=1',
    }


async def test_signing_up_on_loopback_is_not_limited(redis: Redis) -> None:
    open_to_all, alone = RateLimiter(redis), RateLimiter(redis, loopback=True)
    assert '"signup"' in (await open_to_all.take(_subject(), [PUBLIC, SIGN_UP])).headers["RateLimit"]
    assert '"signup"' not in (await alone.take(_subject(), [PUBLIC, SIGN_UP])).headers["RateLimit"]


async def test_a_disabled_limiter_counts_nothing(redis: Redis) -> None:
    limiter, subject = RateLimiter(redis, enabled=False), _subject()
    for _ in range(3):
        verdict = await limiter.take(subject, [RateLimitPolicy("one", per_second=1 / 60, burst=1)])
        assert (verdict.wait, verdict.headers) == (0, {})


async def test_a_limiter_without_redis_fails_fast() -> None:
    now, redis = 100.0, Redis.from_url("unix:///nowhere/redis.sock")
    limiter = RateLimiter(redis, clock=lambda: now)
    with pytest.raises(RateLimiterDownError) as asked:
        await limiter.take("user_1", [USER])
    with pytest.raises(RateLimiterDownError) as spared:
        await limiter.take("user_1", [USER])
    now += 1
    with pytest.raises(RateLimiterDownError) as asked_again:
        await limiter.take("user_1", [USER])
    causes = [error.value.__cause__ is not None for error in (asked, spared, asked_again)]
    assert causes == [True, False, True]


@pytest.mark.parametrize(
    ("host", "subject"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        (None, "local"),
    ],
)
def test_addresses_of_a_household_share_a_subject(host: str | None, subject: str) -> None:
    assert subject_of_address(host) == subject
