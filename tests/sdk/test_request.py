"""One call against a server that misbehaves as told: what is sent again, with which key, and what is raised at last."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kinora
import pytest
from kinora import Kinora
from kinora._decoding import decode_bytes
from kinora._request import ApiCall, CallOptions, prepare_request
from kinora._retries import retry_delay
from kinora.openai import OpenAI

from tests.sdk.objects import example, problem, video
from tests.sdk.scripted import Reply, Script, resets, says, scripted


def client(script: Script, **options: Any) -> Kinora:
    """A client of the script, whose pauses nobody has to wait for."""
    return Kinora(api_key="kin_test", base_url=script.url, retry_pause=0.001, **options)


PASSING: list[Callable[[], Reply]] = [
    lambda: says(500, problem(500, "internal")),
    lambda: says(502, raw=b"<html>bad gateway</html>"),
    lambda: says(503, problem(503, "unavailable"), retry_after="0"),
    lambda: says(429, problem(429, "rate_limited"), retry_after="0"),
    lambda: says(408, raw=b""),
    lambda: says(409, problem(409, "idempotency_in_progress"), retry_after="0"),
    resets,
]


@pytest.mark.parametrize("trouble", PASSING)
def test_what_passes_is_sent_again_with_the_same_key_and_body(trouble: Callable[[], Reply]) -> None:
    with scripted(trouble(), trouble(), says(200, video())) as script, client(script) as sdk:
        made = sdk.videos.create(prompt="a boat", seconds=4)
    assert made.id == video()["id"]
    assert len(script.asked) == 3
    assert len({asked.headers["idempotency-key"] for asked in script.asked}) == 1
    assert {asked.body for asked in script.asked} == {b'{"prompt":"a boat","seconds":4}'}


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_that_does_not_pass_is_raised(trouble: Callable[[], Reply]) -> None:
    with (
        scripted(*(trouble() for _ in range(9))) as script,
        client(script, max_retries=2) as sdk,
        pytest.raises(kinora.KinoraError),
    ):
        sdk.videos.create(prompt="a boat")
    assert len(script.asked) == 3


def test_two_calls_have_two_keys_and_a_key_of_ones_own_is_kept() -> None:
    replies = [says(200, video()) for _ in range(3)]
    with scripted(*replies) as script, client(script) as sdk:
        sdk.videos.create(prompt="a boat")
        sdk.videos.create(prompt="a boat")
        sdk.videos.create(prompt="a boat", idempotency_key="order-7")
    first, second, third = (asked.headers["idempotency-key"] for asked in script.asked)
    assert first != second
    assert third == "order-7"


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
def test_a_refusal_is_raised_at_once_with_what_it_says(status: int, code: str, kind: type[kinora.APIError]) -> None:
    said = problem(status, code, param="seconds", cost=8, available=3)
    with (
        scripted(says(status, said, x_request_id="req_9")) as script,
        client(script) as sdk,
        pytest.raises(kind) as caught,
    ):
        sdk.videos.create(prompt="a boat")
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.param, error.request_id) == (status, code, "seconds", "req_9")
    assert error.problem == said
    assert str(error) == f"It is {code}. ({status} {code})"
    assert len(script.asked) == 1


UNREADABLE: list[Callable[[], Reply]] = [
    lambda: says(200, raw=b"<html>Please log in</html>", content_type="text/html"),
    lambda: says(200, raw=b'{"id": "video_1", "sta'),
    lambda: says(200, raw=b'{"id": "\xff"}'),
    lambda: says(200, raw=b"no gzip", content_encoding="gzip"),
    lambda: says(204, raw=b""),
]


@pytest.mark.parametrize("page", UNREADABLE)
def test_what_no_kinora_server_says_is_an_error_of_this_package(page: Callable[[], Reply]) -> None:
    with scripted(page()) as script, client(script) as sdk, pytest.raises(kinora.UnreadableAnswer, match="cannot be"):
        sdk.videos.get("video_1")
    assert len(script.asked) == 1


@pytest.mark.parametrize("page", UNREADABLE)
async def test_the_awaited_client_cannot_read_it_either(page: Callable[[], Reply]) -> None:
    with scripted(page()) as script:
        async with kinora.AsyncKinora(api_key="k", base_url=script.url) as sdk:
            with pytest.raises(kinora.UnreadableAnswer, match="cannot be"):
                await sdk.videos.get("video_1")


def test_a_redirection_is_not_followed_and_says_where_the_server_is() -> None:
    with (
        scripted(says(308, raw=b"", location="https://kinora.example/v1/videos/video_1")) as script,
        client(script) as sdk,
        pytest.raises(kinora.APIError, match=r"redirects to https://kinora\.example") as caught,
    ):
        sdk.videos.get("video_1")
    assert caught.value.status == 308


def test_a_lack_of_credits_says_how_many() -> None:
    said = problem(402, "insufficient_credits", cost=8, available=3)
    with (
        scripted(says(402, said)) as script,
        client(script) as sdk,
        pytest.raises(kinora.InsufficientCredits) as caught,
    ):
        sdk.videos.create(prompt="a boat")
    assert (caught.value.cost, caught.value.available) == (8, 3)


def raised(script: Script) -> kinora.KinoraError:
    with client(script) as sdk, pytest.raises(kinora.KinoraError) as caught:
        sdk.videos.wait("video_1", timeout=0)
    return caught.value


def pickled(error: kinora.KinoraError) -> kinora.KinoraError:
    again: kinora.KinoraError = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    return again


@pytest.mark.parametrize("clone", [copy.copy, pickled])
def test_an_error_comes_whole_out_of_a_pool_of_processes(
    clone: Callable[[kinora.KinoraError], kinora.KinoraError],
) -> None:
    replies: list[Reply] = [
        says(404, problem(404, "not_found"), x_request_id="req_9"),
        says(200, raw=b"<html>"),
        *(
            says(
                200, raw=b"event: video\ndata: " + json.dumps(one).encode() + b"\n\n", content_type="text/event-stream"
            )
            for one in (video(), video(status="failed"), video(status="cancelled"))
        ),
    ]
    for reply in replies:
        with scripted(reply, says(200, raw=b"")) as script:
            error = raised(script)
        again = clone(error)
        assert (type(again), str(again)) == (type(error), str(error))
        for name in ("status", "code", "request_id", "problem", "video"):
            assert getattr(again, name, None) == getattr(error, name, None)


def test_a_pause_too_long_to_wait_is_the_callers_to_decide() -> None:
    with (
        scripted(says(429, problem(429, "rate_limited"), retry_after="3600")) as script,
        client(script) as sdk,
        pytest.raises(kinora.RateLimited) as caught,
    ):
        sdk.videos.get("video_1")
    assert caught.value.retry_after == 3600
    assert len(script.asked) == 1


def test_nobody_there_is_said_with_the_address() -> None:
    with scripted() as script:
        url = script.url
    with Kinora(api_key="k", base_url=url, max_retries=0) as sdk, pytest.raises(kinora.ConnectionFailed, match=url):
        sdk.models.get("kinora-mini")


@pytest.mark.parametrize(
    ("tries", "asked", "least", "most"), [(0, None, 0.5, 1), (2, None, 2, 4), (9, None, 4, 8), (5, 7.0, 7, 7.1)]
)
def test_pauses_grow_with_chance_unless_the_server_names_one(
    tries: int, asked: float | None, least: float, most: float
) -> None:
    pauses = [retry_delay(1.0, tries, asked) for _ in range(200)]
    assert least <= min(pauses)
    assert max(pauses) <= most
    assert len(set(pauses)) > 100


def test_a_key_is_asked_for_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINORA_API_KEY", raising=False)
    with scripted(says(200, example("/v1/billing/plans"))) as script, Kinora(base_url=script.url) as sdk:
        with pytest.raises(kinora.KinoraError, match="KINORA_API_KEY"):
            sdk.videos.create(prompt="a boat")
        assert not script.asked
        sdk.billing.plans()
    assert "authorization" not in script.asked[0].headers


def test_the_environment_names_server_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(says(200, video())) as script:
        monkeypatch.setenv("KINORA_API_KEY", "kin_env")
        monkeypatch.setenv("KINORA_BASE_URL", f"{script.url}/v1/")
        with Kinora() as sdk:
            sdk.videos.get("video_1")
    assert script.asked[0].path == "/v1/videos/video_1"
    assert script.asked[0].headers["authorization"] == "Bearer kin_env"


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    with scripted(says(200, video())) as script, client(script) as sdk:
        sdk.videos.get("../billing/balance?x=1#")
    assert script.asked[0].path == "/v1/videos/..%2Fbilling%2Fbalance%3Fx%3D1%23"


@pytest.mark.parametrize("wrong", ["", ".", "..", None, 7])
def test_what_is_no_id_is_refused_before_it_becomes_another_path(wrong: Any) -> None:
    with scripted() as script, client(script) as sdk, pytest.raises(ValueError, match="is not a valid id"):
        sdk.videos.delete(wrong)
    assert not script.asked


@pytest.mark.parametrize(
    "setting",
    [{"timeout": 0}, {"timeout": -1}, {"timeout": math.nan}, {"max_retries": -1}, {"retry_pause": -1}],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused_at_once(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        Kinora(**setting)
    with Kinora() as sdk, pytest.raises(ValueError, match=next(iter(setting))):
        sdk.with_options(**setting)


def test_a_call_may_take_as_long_as_it_takes_but_not_no_time_at_all() -> None:
    replies = [says(200, video()) for _ in range(2)]
    with scripted(*replies) as script, client(script, timeout=math.inf) as sdk:
        sdk.videos.get("video_1")
        sdk.videos.get("video_1", timeout=1e300)
        with pytest.raises(ValueError, match="above zero"):
            sdk.videos.get("video_1", timeout=0)


def test_a_key_from_a_file_may_end_with_a_line_and_no_error_repeats_a_key() -> None:
    with scripted(says(200, video())) as script:
        with Kinora(api_key="kin_test\n", base_url=f" {script.url}/v1\n") as sdk:
            sdk.videos.get("video_1")
        with (
            Kinora(api_key="kin_\nsecret", base_url=script.url) as sdk,
            pytest.raises(ValueError, match="auth") as caught,
        ):
            sdk.videos.get("video_1")
        assert "secret" not in str(caught.value)
    assert script.asked[0].headers["authorization"] == "Bearer kin_test"


def test_an_answer_that_is_held_is_waited_for() -> None:
    with Kinora(api_key="k", timeout=30) as sdk:
        for prefer, timeout, waited in (
            ("wait=60", None, 75),
            ("wait=60", 5.0, 5),
            ("wait=5", None, 30),
            (None, None, 30),
        ):
            options = CallOptions(prefer=prefer, timeout=timeout)
            assert prepare_request(sdk._config, ApiCall("GET", "/", decode_bytes, options=options)).timeout == waited


def test_objects_stand_for_their_ids_and_a_file_makes_it_a_form(tmp_path: Path) -> None:
    (tmp_path / "first.png").write_bytes(b"\x89PNG")
    replies = [says(200, video()) for _ in range(4)]
    with scripted(*replies) as script, client(script) as sdk:
        made = sdk.videos.create(prompt="a boat")
        sdk.videos.remix(made, prompt="at night", strength="mild")
        sdk.videos.extend(video=made, seconds=2)
        sdk.videos.create(prompt="a boat", seconds=5, first_frame=tmp_path / "first.png", metadata={"a": "b"})
    _, remix, extend, create = script.asked
    assert remix.path == f"/v1/videos/{made.id}/remix"
    assert json.loads(extend.body) == {"video": made.id, "seconds": 2}
    assert create.headers["content-type"].startswith("multipart/form-data; boundary=")
    for part in (
        b'name="prompt"\r\n\r\na boat',
        b'name="seconds"\r\n\r\n5',
        b'{"a":"b"}',
        b'filename="first.png"',
        b"\x89PNG",
    ):
        assert part in create.body


@pytest.mark.parametrize("file", [b"bytes", io.BytesIO(b"bytes"), ("named.png", b"bytes")])
def test_a_file_within_a_list_travels_as_a_data_url(file: Any) -> None:
    cards: list[Any] = [{"at": 0, "upload": file}, kinora.types.StoryboardCard(at=2.0, prompt="night")]
    with scripted(says(200, video())) as script, client(script) as sdk:
        sdk.videos.create(prompt="a boat", storyboard=cards)
    first, second = json.loads(script.asked[0].body)["storyboard"]
    assert first["upload"]["image_url"].startswith("data:")
    assert first["upload"]["image_url"].endswith(";base64,Ynl0ZXM=")
    assert second == {"at": 2.0, "prompt": "night"}


def test_a_text_file_is_refused_before_it_is_sent() -> None:
    with scripted() as script, client(script) as sdk, pytest.raises(TypeError, match="binary mode"):
        sdk.videos.create(prompt="a boat", first_frame=io.StringIO("text"))  # type: ignore[arg-type]
    assert not script.asked


def test_lists_fetch_themselves_page_by_page() -> None:
    def page(ids: list[str], *, more: bool) -> Reply:
        data = [video(id=one) for one in ids]
        return says(200, {"object": "list", "data": data, "first_id": ids[0], "last_id": ids[-1], "has_more": more})

    with (
        scripted(page(["a", "b"], more=True), page(["c"], more=False), page(["a"], more=True)) as script,
        client(script) as sdk,
    ):
        assert [one.id for one in sdk.videos.list(limit=2, order="asc")] == ["a", "b", "c"]
        first = sdk.videos.list().page()
    assert [asked.path for asked in script.asked] == [
        "/v1/videos?limit=2&order=asc",
        "/v1/videos?after=b&limit=2&order=asc",
        "/v1/videos",
    ]
    assert first.has_more


def test_words_of_tomorrow_do_not_crash() -> None:
    future = video(
        status="dreaming", quality="ultra", holograms=[1], cost={**video()["cost"], "state": "gifted", "x": 2}
    )
    with scripted(says(200, future)) as script, client(script) as sdk:
        seen = sdk.videos.get("video_1")
    assert (seen.status, seen.quality, seen.cost.state) == ("dreaming", "ultra", "gifted")


def test_what_an_older_server_does_not_know_yet_is_not_there() -> None:
    past = video()
    for later in ("share_url", "eta_seconds", "remixed_from_video_id", "variations"):
        past.pop(later, None)
    past["cost"] = {name: value for name, value in past["cost"].items() if name != "relaxed"}
    bare = {name: value for name, value in past.items() if name != "status"}
    with scripted(says(200, past), says(200, bare)) as script, client(script) as sdk:
        seen = sdk.videos.get("video_1")
        assert (seen.eta_seconds, seen.cost.relaxed) == (None, False)
        with pytest.raises(kinora.UnreadableAnswer, match="status"):
            sdk.videos.get("video_1")


def test_openais_extra_body_may_be_none_as_it_is_there() -> None:
    with scripted(says(200, video())) as script, OpenAI(api_key="k", base_url=script.url) as sdk:
        sdk.videos.create(prompt="a boat", seconds="4", extra_body=None)
    assert json.loads(script.asked[0].body) == {"prompt": "a boat", "seconds": 4}


async def test_the_awaited_client_does_the_same() -> None:
    replies = [resets(), says(500, problem(500, "internal")), says(200, video()), says(404, problem(404, "not_found"))]
    with scripted(*replies) as script:
        async with kinora.AsyncKinora(api_key="k", base_url=script.url, retry_pause=0.001) as sdk:
            made = await sdk.videos.create(prompt="a boat")
            with pytest.raises(kinora.NotFound):
                await sdk.videos.get(made)
    assert len({asked.headers["idempotency-key"] for asked in script.asked[:3]}) == 1


async def test_cancelling_an_awaited_call_ends_it_at_once() -> None:
    """A server that accepts and never answers must not hold the task."""
    heard = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with kinora.AsyncKinora(api_key="k", base_url=url) as sdk:
            task = asyncio.create_task(sdk.videos.get("video_1"))
            await heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def test_a_server_on_this_machine_is_not_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with scripted(says(200, video())) as script, client(script) as sdk:
        assert sdk.videos.get("video_1").id == video()["id"]
