"""Videos over HTTP: created, listed, cancelled and deleted, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from redis.asyncio import Redis

from api.http.rate_limit import RateLimiter
from api.http.state import AppState
from tests.support.rebuilt import rebuild_creates
from tests.support.users import Person
from tests.support.video_requests import PROMPT, available, create, fill_disk


async def test_a_create_answers_the_whole_object(client: httpx.AsyncClient, account: Person) -> None:
    answer = await create(client, account, seconds=5, size="320x192", seed=7, metadata={"scene": 1})
    assert answer.status_code == 200
    video = answer.json()
    assert answer.headers["location"] == f"/v1/videos/{video['id']}"
    assert 500 <= int(answer.headers["openai-poll-after-ms"]) <= 2000
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert video == {
        **video,
        "object": "video",
        "kind": "video",
        "model": "kinora-mini",
        "status": "queued",
        "progress": 0,
        "prompt": PROMPT,
        "seconds": "5",
        "size": "320x192",
        "seed": 7,
        "quality": "full",
        "queue_position": 0,
        "cost": {"credits": 10, "state": "held", "relaxed": False},
        "variations": [video["id"]],
        "visibility": "private",
        "metadata": {"scene": 1},
        "error": None,
        "failure": None,
    }
    assert await available(client, account) == 290


async def test_defaults_are_the_models_and_openais(client: httpx.AsyncClient, account: Person) -> None:
    own = (await create(client, account)).json()
    assert (own["model"], own["seconds"], own["size"]) == ("kinora-mini", "4", "320x192")
    openai = (await create(client, account, model="sora-2-pro", seconds="8")).json()
    assert (openai["model"], openai["seconds"], openai["size"]) == ("sora-2-pro", "8", "720x1280")


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        ({"prompt": ""}, 422, "prompt", "length >= 1"),
        ({"prompt": "x" * 32_001}, 422, "prompt", "length <= 32000"),
        ({"prompt": 3}, 422, "prompt", "str"),
        ({"prompt": "a\0b"}, 422, "prompt", "NUL"),
        ({"seconds": 0}, 422, "seconds", ">= 1"),
        ({"seconds": 21}, 422, "seconds", "1 to 20 seconds"),
        ({"seconds": "soon"}, 422, "seconds", "int"),
        ({"seconds": 11}, 403, "seconds", "up to 10 seconds"),
        ({"size": "big"}, 422, "size", "Width x height"),
        ({"size": "100000x2"}, 422, "size", "Width x height"),
        ({"size": "32x32"}, 422, "size", "64 to"),
        ({"size": "321x192"}, 422, "size", "multiple of"),
        ({"size": "1920x1080"}, 403, "size", "up to 720 pixels"),
        ({"model": "sora-9"}, 422, "model", "kinora-mini"),
        ({"n": 5}, 422, "n", "<= 4"),
        ({"quality": "best"}, 422, "quality", "turbo"),
        ({"seed": -1}, 422, "seed", ">= 0"),
        ({"scenes": []}, 422, "scenes", "not a known field"),
        ({"metadata": {str(n): n for n in range(17)}}, 422, "metadata", "16"),
        ({"input_reference": {"image_url": "https://example.org/a.png"}}, 422, "input_reference.image_url", "data:"),
        ({"input_reference": {"file_id": "file_1"}}, 404, "input_reference.file_id", "no upload 'file_1'"),
        ({"input_reference": {"image_url": "data:image/png;base64,!!"}}, 422, "input_reference.image_url", "base64"),
        ({"input_reference": {"image_url": "data:image/png;base64,é"}}, 422, "input_reference.image_url", "base64"),
        ({"metadata": {"a": "x" * 20_000}}, 422, "metadata", "16384 bytes"),
        ({"size": "64x64\n"}, 422, "size", "Width x height"),
        ({"seed": 2**32}, 422, "seed", "4294967295"),
        ({"seconds": 10, "size": "1280x720", "n": 4, "quality": "full"}, 200, None, ""),
    ],
)
async def test_what_does_not_fit_is_named_and_costs_nothing(
    client: httpx.AsyncClient, account: Person, body: dict[str, Any], status: int, param: str | None, words: str
) -> None:
    answer = await create(client, account, **body)
    assert answer.status_code == status, answer.text
    if status == 200:
        return
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["param"] == problem["error"]["param"] == param
    assert words in problem["detail"]
    assert await available(client, account) == 300
    assert (await client.get("/v1/videos", headers=account.headers)).json()["data"] == []


async def test_too_few_credits_say_what_it_costs(client: httpx.AsyncClient, account: Person) -> None:
    dear: dict[str, Any] = {"seconds": 10, "size": "1280x720", "n": 4}
    assert (await create(client, account, **dear)).status_code == 200
    refused = await create(client, account, **dear)
    assert refused.status_code == 402
    problem = refused.json()
    assert (problem["cost"], problem["available"], problem["error"]["code"]) == (160, 140, "insufficient_credits")
    assert problem["upgrade"] == "/v1/billing/plans"


async def test_an_estimate_is_the_price_and_the_refusals(client: httpx.AsyncClient, account: Person) -> None:
    ask = {"prompt": PROMPT, "seconds": 5, "n": 2}
    estimate = (await client.post("/v1/videos/estimate", json=ask, headers=account.headers)).json()
    assert (estimate["credits"], estimate["refusals"]) == (20, [])
    assert estimate["eta_seconds"] >= 1
    made = (await create(client, account, seconds=5, n=2)).json()
    assert made["cost"]["credits"] * 2 == estimate["credits"]
    dear: dict[str, Any] = {"prompt": PROMPT, "seconds": 10, "n": 4, "size": "1280x720"}
    assert (await create(client, account, **dear)).status_code == 200
    poor = (await client.post("/v1/videos/estimate", json=dear, headers=account.headers)).json()
    assert (poor["credits"], [one["code"] for one in poor["refusals"]]) == (160, ["insufficient_credits"])
    over = (await client.post("/v1/videos/estimate", json=ask | {"seconds": 15}, headers=account.headers)).json()
    assert over["credits"] is None
    assert [(one["code"], one["param"]) for one in over["refusals"]] == [("plan_limit", "seconds")]


async def test_what_openai_offers_and_we_do_not_is_said(client: httpx.AsyncClient, account: Person) -> None:
    for method, path in (("POST", "characters"), ("GET", "characters/char_1")):
        answer = await client.request(method, f"/v1/videos/{path}", headers=account.headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_offered_yet")


async def test_plans_are_public(client: httpx.AsyncClient) -> None:
    plans = (await client.get("/v1/billing/plans")).json()["data"]
    assert [(plan["id"], plan["monthly_credits"]) for plan in plans] == [("free", 300), ("plus", 3000), ("pro", 30000)]


async def test_a_full_disk_refuses_and_says_so(client: httpx.AsyncClient, account: Person, app: Litestar) -> None:
    fill_disk(app)
    answer = await create(client, account)
    assert answer.status_code == 503
    assert "disk" in answer.json()["detail"]


async def test_without_redis_creation_refuses_and_reads_go_on(
    client: httpx.AsyncClient, account: Person, app: Litestar, tmp_path: object
) -> None:
    video_id = (await create(client, account)).json()["id"]
    async with Redis.from_url(f"unix://{tmp_path}/nowhere") as nowhere:
        app.state.app_state = app.state.app_state._replace(limiter=RateLimiter(nowhere))
        refused = await create(client, account)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        read = await client.get(f"/v1/videos/{video_id}", headers=account.headers)
        assert (read.status_code, read.json()["id"]) == (200, video_id)
        assert (await client.get("/v1/billing/balance", headers=account.headers)).json()["held"] == 8


async def test_a_list_pages_both_ways(client: httpx.AsyncClient, account: Person) -> None:
    made = [(await create(client, account)).json()["id"] for _ in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        page = (await client.get(f"/v1/videos?limit=2{after}", headers=account.headers)).json()
        seen += [video["id"] for video in page["data"]]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert seen == made[::-1]
    oldest = (await client.get("/v1/videos?order=asc&limit=1", headers=account.headers)).json()
    assert [video["id"] for video in oldest["data"]] == made[:1]
    for query, param in (
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("order=up", "order"),
        ("after=%00", "after"),
        (f"after=user_{made[0][6:]}", "after"),
    ):
        refused = await client.get(f"/v1/videos?{query}", headers=account.headers)
        assert (refused.status_code, refused.json()["param"]) == (422, param)


async def test_the_ledger_sums_to_what_is_available(client: httpx.AsyncClient, account: Person) -> None:
    kept, dropped = (await create(client, account)).json()["id"], (await create(client, account)).json()["id"]
    await client.post(f"/v1/videos/{dropped}/cancel", headers=account.headers)
    entries: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await client.get(f"/v1/billing/ledger?limit=2{after}", headers=account.headers)).json()
        entries += page["data"]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert sum(entry["amount"] for entry in entries) == await available(client, account) == 292
    assert [(entry["kind"], entry["amount"]) for entry in entries] == [
        ("release", 8),
        ("hold", -8),
        ("hold", -8),
        ("grant", 300),
    ]
    assert {entry["video_id"] for entry in entries} == {kept, dropped, None}


async def test_cancel_and_delete_over_http(client: httpx.AsyncClient, account: Person) -> None:
    video_id = (await create(client, account)).json()["id"]
    for _ in range(2):
        answer = await client.post(f"/v1/videos/{video_id}/cancel", headers=account.headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert "openai-poll-after-ms" not in answer.headers
    assert answer.json()["cost"] == {"credits": 8, "state": "released", "relaxed": False}
    gone = await client.delete(f"/v1/videos/{video_id}", headers=account.headers)
    assert gone.json() == {"id": video_id, "object": "video.deleted", "deleted": True}
    assert (await client.delete(f"/v1/videos/{video_id}", headers=account.headers)).status_code == 404
    assert (await client.get(f"/v1/videos/{video_id}", headers=account.headers)).status_code == 404


async def test_models_say_what_may_be_asked(client: httpx.AsyncClient, account: Person) -> None:
    listed = (await client.get("/v1/models", headers=account.headers)).json()
    mini, sora, _ = listed["data"]
    assert (mini["id"], mini["object"], mini["aliases"]) == ("kinora-mini", "model", ["sora-2", "sora-2-pro"])
    assert mini["limits"]["max_seconds"] == 20
    by_alias = await client.get("/v1/models/sora-2", headers=account.headers)
    assert by_alias.json() == sora == mini | {"id": "sora-2", "aliases": ["kinora-mini", "sora-2-pro"]}
    assert [model["id"] for model in listed["data"]] == ["kinora-mini", "sora-2", "sora-2-pro"]
    assert (await client.get("/v1/models/none", headers=account.headers)).status_code == 404
    for size in mini["sizes"]:
        estimate = {"prompt": PROMPT, "size": size}
        answer = (await client.post("/v1/videos/estimate", json=estimate, headers=account.headers)).json()
        assert answer["refusals"] == []


async def test_an_alias_of_what_is_not_served_is_not_offered(
    app: Litestar, client: httpx.AsyncClient, account: Person
) -> None:
    app_state: AppState = app.state.app_state
    settings = msgspec.structs.replace(app_state.settings, models=["ltx-video-2b"])
    app.state.app_state = rebuild_creates(app_state._replace(settings=settings))
    answer = await create(client, account, model="sora-2")
    assert (answer.status_code, answer.json()["param"]) == (422, "model")
    assert answer.json()["detail"] == "There is no model 'sora-2' here; there are ltx-video-2b."


async def test_an_api_key_does_what_its_scopes_say(client: httpx.AsyncClient, account: Person) -> None:
    made = await client.post(
        "/v1/api_keys", json={"name": "reader", "scopes": ["videos:read"]}, headers=account.headers
    )
    reader = {"Authorization": f"Bearer {made.json()['key']}"}
    assert (await client.get("/v1/videos", headers=reader)).status_code == 200
    refused = await client.post("/v1/videos", json={"prompt": PROMPT}, headers=reader)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
