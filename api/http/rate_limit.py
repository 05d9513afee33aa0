"""Rate limiter: GCRA over several policies at once, in one Redis script. Formats the rate limit headers.

Redis stores one number for each policy and subject, the theoretical arrival time: the moment at which a whole burst
is available again. A request advances it by one interval, unless that puts it more than a burst ahead of now.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

MICROSECONDS = 1_000_000
RETRY_PAUSE = 1.0

# KEYS: one for each policy. ARGV: now in µs (0: the clock of Redis, which all processes share), then the interval
# in µs and the burst of each policy. Returns {wait, left, left, …, full, full, …}: µs to wait (0: allowed), requests
# left of each policy, µs until each has its whole burst again. A request that one policy refuses is charged to none.
SCRIPT = """
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local arrivals, wait = {}, 0
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  arrivals[i] = math.max(tonumber(redis.call('GET', key) or 0), now)
  wait = math.max(wait, arrivals[i] + interval - interval * burst - now)
end

local answer = {wait}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  if wait == 0 then
    arrivals[i] = arrivals[i] + interval
    redis.call('SET', key, string.format('%.0f', arrivals[i]), 'PX', math.ceil((arrivals[i] - now) / 1000))
  end
  answer[1 + i] = math.floor((interval * burst - (arrivals[i] - now)) / interval)
  answer[1 + #KEYS + i] = arrivals[i] - now
end
return answer
"""


class RateLimitPolicy(Struct, frozen=True):
    """A long-term rate, and a burst of requests allowed at once."""

    name: str
    per_second: float
    burst: int

    @property
    def interval(self) -> int:
        """Microseconds between requests at the long-term rate."""
        return round(MICROSECONDS / self.per_second)

    @property
    def window(self) -> int:
        """Seconds after which a whole burst is available again."""
        return math.ceil(self.burst / self.per_second)


USER = RateLimitPolicy("user", per_second=50, burst=200)
CREATE = RateLimitPolicy("create", per_second=10, burst=100)
PUBLIC = RateLimitPolicy("public", per_second=5, burst=50)
SIGNED = RateLimitPolicy("signed", per_second=50, burst=200)
SIGN_UP = RateLimitPolicy("signup", per_second=20 / 3600, burst=20)


class RateLimitVerdict(Struct, frozen=True):
    """Whether a request is allowed: `wait` is 0, or the seconds to wait. `headers` go on the response either way."""

    wait: float
    headers: dict[str, str]


class RateLimiterDownError(Exception):
    """Redis is unreachable, so requests cannot be counted."""


class RateLimiter:
    """Counts requests in Redis.

    With `loopback`, only this machine can send requests, and signing up is not limited. While Redis is down it is
    tried once a second, so that requests served without it do not each wait for a timeout.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        enabled: bool = True,
        loopback: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._script = redis.register_script(SCRIPT)
        self._enabled = enabled
        self._without = {SIGN_UP} if loopback else set()
        self._clock = clock
        self._ask_again_at = -math.inf

    async def take(self, subject: str, policies: Sequence[RateLimitPolicy]) -> RateLimitVerdict:
        """Charge one request of this subject to all the policies, or to none. Raises RateLimiterDownError."""
        applied = tuple(policy for policy in policies if policy not in self._without)
        if not self._enabled or not applied:
            return RateLimitVerdict(0, {})
        if self._clock() < self._ask_again_at:
            raise RateLimiterDownError
        try:
            # The braces keep one subject's keys on one node of a Redis cluster.
            keys = [f"limit:{{{subject}}}:{policy.name}" for policy in applied]
            async with asyncio.timeout(RETRY_PAUSE):
                answer = await self._script(keys, _script_arguments(applied))
        except (RedisError, OSError) as error:
            self._ask_again_at = self._clock() + RETRY_PAUSE
            raise RateLimiterDownError from error
        return _to_verdict(applied, answer)


def subject_of_address(host: str | None) -> str:
    """The subject of an address: for IPv6 the /64 network, since one household has 2⁶⁴ addresses."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "local"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


@lru_cache
def _script_arguments(policies: tuple[RateLimitPolicy, ...]) -> tuple[int, ...]:
    return (0, *(number for policy in policies for number in (policy.interval, policy.burst)))


@lru_cache
def _policy_header(policies: tuple[RateLimitPolicy, ...]) -> str:
    return ", ".join(f'"{policy.name}";q={policy.burst};w={policy.window}' for policy in policies)


def _to_verdict(policies: tuple[RateLimitPolicy, ...], answer: list[int]) -> RateLimitVerdict:
    """Convert the reply of the script, with headers as in draft-ietf-httpapi-ratelimit-headers-10."""
    wait, left, full = answer[0], answer[1 : 1 + len(policies)], answer[1 + len(policies) :]
    state = ", ".join(
        f'"{policy.name}";r={remaining};t={math.ceil(until / MICROSECONDS)}'
        for policy, remaining, until in zip(policies, left, full, strict=True)
    )
    headers = {"RateLimit-Policy": _policy_header(policies), "RateLimit": state}
    if wait:
        headers["Retry-After"] = str(math.ceil(wait / MICROSECONDS))
    return RateLimitVerdict(wait / MICROSECONDS, headers)
