"""Which failures are retried, with which key and delay, and what is raised in the end."""

from __future__ import annotations

from collections.abc import Callable

import kinora
import pytest
from kinora._retries import retry_delay

from tests.support.api_examples import problem, video
from tests.support.scripted_server import Reply, connect, reset_connection, respond, scripted_server

PASSING: list[Callable[[], Reply]] = [
    lambda: respond(500, problem(500, "internal")),
    lambda: respond(502, raw=b"<html>bad gateway</html>"),
    lambda: respond(503, problem(503, "unavailable"), retry_after="0"),
    lambda: respond(429, problem(429, "rate_limited"), retry_after="0"),
    lambda: respond(408, raw=b""),
    lambda: respond(409, problem(409, "idempotency_in_progress"), retry_after="0"),
    reset_connection,
]


@pytest.mark.parametrize("trouble", PASSING)
def test_a_passing_failure_is_retried_with_the_same_key_and_body(trouble: Callable[[], Reply]) -> None:
    with scripted_server(trouble(), trouble(), respond(200, video())) as server, connect(server) as sdk:
        made = sdk.videos.create(prompt="a boat", seconds=4)
    assert made.id == video()["id"]
    assert len(server.requests) == 3
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1
    assert {request.body for request in server.requests} == {b'{"prompt":"a boat","seconds":4}'}


@pytest.mark.parametrize("trouble", PASSING)
def test_a_lasting_failure_is_raised_after_the_retries(trouble: Callable[[], Reply]) -> None:
    with (
        scripted_server(*(trouble() for _ in range(9))) as server,
        connect(server, max_retries=2) as sdk,
        pytest.raises(kinora.KinoraError),
    ):
        sdk.videos.create(prompt="a boat")
    assert len(server.requests) == 3


def test_each_call_has_its_own_key_unless_the_caller_sets_one() -> None:
    replies = [respond(200, video()) for _ in range(3)]
    with scripted_server(*replies) as server, connect(server) as sdk:
        sdk.videos.create(prompt="a boat")
        sdk.videos.create(prompt="a boat")
        sdk.videos.create(prompt="a boat", idempotency_key="order-7")
    first, second, third = (request.headers["idempotency-key"] for request in server.requests)
    assert first != second
    assert third == "order-7"


def test_a_long_retry_after_is_raised_and_not_waited_for() -> None:
    with (
        scripted_server(respond(429, problem(429, "rate_limited"), retry_after="3600")) as server,
        connect(server) as sdk,
        pytest.raises(kinora.RateLimited) as caught,
    ):
        sdk.videos.get("video_1")
    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("retries", "retry_after", "least", "most"), [(0, None, 0.5, 1), (2, None, 2, 4), (9, None, 4, 8), (5, 7.0, 7, 7.1)]
)
def test_delays_grow_with_jitter_unless_the_server_names_one(
    retries: int, retry_after: float | None, least: float, most: float
) -> None:
    pauses = [retry_delay(1.0, retries, retry_after) for _ in range(200)]
    assert least <= min(pauses)
    assert max(pauses) <= most
    assert len(set(pauses)) > 100


async def test_the_async_client_retries_too() -> None:
    replies = [
        reset_connection(),
        respond(500, problem(500, "internal")),
        respond(200, video()),
        respond(404, problem(404, "not_found")),
    ]
    with scripted_server(*replies) as server:
        async with kinora.AsyncKinora(api_key="k", base_url=server.url, retry_pause=0.001) as sdk:
            made = await sdk.videos.create(prompt="a boat")
            with pytest.raises(kinora.NotFound):
                await sdk.videos.get(made)
    assert len({request.headers["idempotency-key"] for request in server.requests[:3]}) == 1
