"""Requests as they are prepared: keys, paths, headers and timeouts."""

from __future__ import annotations

import math
from typing import Any

import kinora
import pytest
from kinora import Kinora
from kinora._decoding import decode_bytes
from kinora._request import ApiCall, CallOptions, prepare_request

from tests.support.api_examples import example, video
from tests.support.scripted_server import connect, respond, scripted_server


def test_a_missing_api_key_raises_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINORA_API_KEY", raising=False)
    with scripted_server(respond(200, example("/v1/billing/plans"))) as server, Kinora(base_url=server.url) as sdk:
        with pytest.raises(kinora.KinoraError, match="KINORA_API_KEY"):
            sdk.videos.create(prompt="a boat")
        assert not server.requests
        sdk.billing.plans()
    assert "authorization" not in server.requests[0].headers


def test_an_id_is_quoted_in_the_path() -> None:
    with scripted_server(respond(200, video())) as server, connect(server) as sdk:
        sdk.videos.get("../billing/balance?x=1#")
    assert server.requests[0].path == "/v1/videos/..%2Fbilling%2Fbalance%3Fx%3D1%23"


@pytest.mark.parametrize("wrong", ["", ".", "..", None, 7])
def test_an_invalid_id_is_refused_before_it_becomes_another_path(wrong: Any) -> None:
    with scripted_server() as server, connect(server) as sdk, pytest.raises(ValueError, match="is not a valid id"):
        sdk.videos.delete(wrong)
    assert not server.requests


def test_a_timeout_may_be_infinite_but_not_zero() -> None:
    replies = [respond(200, video()) for _ in range(2)]
    with scripted_server(*replies) as server, connect(server, timeout=math.inf) as sdk:
        sdk.videos.get("video_1")
        sdk.videos.get("video_1", timeout=1e300)
        with pytest.raises(ValueError, match="above zero"):
            sdk.videos.get("video_1", timeout=0)


def test_a_key_may_end_with_a_newline_and_no_error_repeats_it() -> None:
    with scripted_server(respond(200, video())) as server:
        with Kinora(api_key="kin_test\n", base_url=f" {server.url}/v1\n") as sdk:
            sdk.videos.get("video_1")
        with (
            Kinora(api_key="kin_\nsecret", base_url=server.url) as sdk,
            pytest.raises(ValueError, match="auth") as caught,
        ):
            sdk.videos.get("video_1")
        assert "secret" not in str(caught.value)
    assert server.requests[0].headers["authorization"] == "Bearer kin_test"


def test_the_timeout_covers_the_time_a_response_may_be_held() -> None:
    with Kinora(api_key="k", timeout=30) as sdk:
        for prefer, timeout, waited in (
            ("wait=60", None, 75),
            ("wait=60", 5.0, 5),
            ("wait=5", None, 30),
            (None, None, 30),
        ):
            options = CallOptions(prefer=prefer, timeout=timeout)
            assert prepare_request(sdk._config, ApiCall("GET", "/", decode_bytes, options=options)).timeout == waited
