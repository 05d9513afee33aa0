"""Error responses as exceptions, and exceptions across processes."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable

import kinora
import pytest
from kinora import Kinora

from tests.support.api_examples import problem, video
from tests.support.scripted_server import Reply, ScriptedServer, connect, respond, scripted_server

REFUSALS: list[tuple[int, str, type[kinora.APIError]]] = [
    (400, "malformed", kinora.BadRequest),
    (401, "unauthorized", kinora.Unauthorized),
    (402, "insufficient_credits", kinora.InsufficientCredits),
    (403, "plan_limit", kinora.Forbidden),
    (404, "not_found", kinora.NotFound),
    (409, "not_ready", kinora.Conflict),
    (410, "expired", kinora.Expired),
    (413, "payload_too_large", kinora.TooLarge),
    (422, "invalid", kinora.Invalid),
    (418, "teapot", kinora.APIError),
]


@pytest.mark.parametrize(("status", "code", "kind"), REFUSALS)
def test_an_error_response_is_raised_at_once_with_its_problem(
    status: int, code: str, kind: type[kinora.APIError]
) -> None:
    said = problem(status, code, param="seconds", cost=8, available=3)
    with (
        scripted_server(respond(status, said, x_request_id="req_9")) as server,
        connect(server) as sdk,
        pytest.raises(kind) as caught,
    ):
        sdk.videos.create(prompt="a boat")
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.param, error.request_id) == (status, code, "seconds", "req_9")
    assert error.problem == said
    assert str(error) == f"It is {code}. ({status} {code})"
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed_and_names_the_location() -> None:
    with (
        scripted_server(respond(308, raw=b"", location="https://kinora.example/v1/videos/video_1")) as server,
        connect(server) as sdk,
        pytest.raises(kinora.APIError, match=r"redirects to https://kinora\.example") as caught,
    ):
        sdk.videos.get("video_1")
    assert caught.value.status == 308


def test_insufficient_credits_have_cost_and_balance() -> None:
    said = problem(402, "insufficient_credits", cost=8, available=3)
    with (
        scripted_server(respond(402, said)) as server,
        connect(server) as sdk,
        pytest.raises(kinora.InsufficientCredits) as caught,
    ):
        sdk.videos.create(prompt="a boat")
    assert (caught.value.cost, caught.value.available) == (8, 3)


def error_of_wait(server: ScriptedServer) -> kinora.KinoraError:
    with connect(server) as sdk, pytest.raises(kinora.KinoraError) as caught:
        sdk.videos.wait("video_1", timeout=0)
    return caught.value


def pickle_and_unpickle(error: kinora.KinoraError) -> kinora.KinoraError:
    again: kinora.KinoraError = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    return again


@pytest.mark.parametrize("clone", [copy.copy, pickle_and_unpickle])
def test_an_error_survives_copying_and_pickling(
    clone: Callable[[kinora.KinoraError], kinora.KinoraError],
) -> None:
    replies: list[Reply] = [
        respond(404, problem(404, "not_found"), x_request_id="req_9"),
        respond(200, raw=b"<html>"),
        *(
            respond(
                200, raw=b"event: video\ndata: " + json.dumps(one).encode() + b"\n\n", content_type="text/event-stream"
            )
            for one in (video(), video(status="failed"), video(status="cancelled"))
        ),
    ]
    for reply in replies:
        with scripted_server(reply, respond(200, raw=b"")) as server:
            error = error_of_wait(server)
        again = clone(error)
        assert (type(again), str(again)) == (type(error), str(error))
        for name in ("status", "code", "request_id", "problem", "video"):
            assert getattr(again, name, None) == getattr(error, name, None)


def test_a_refused_connection_names_the_address() -> None:
    with scripted_server() as server:
        url = server.url
    with Kinora(api_key="k", base_url=url, max_retries=0) as sdk, pytest.raises(kinora.ConnectionFailed, match=url):
        sdk.models.get("kinora-mini")
