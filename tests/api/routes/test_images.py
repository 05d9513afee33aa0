"""Pictures over HTTP: what they cost, and what is said when one is not made."""

from __future__ import annotations

import httpx
from litestar import Litestar

from api.http.state import AppState
from api.sql.connection import transaction
from tests.support.rebuilt import with_image_wait
from tests.support.users import Person
from tests.support.video_requests import available

ASK = {"prompt": "a red ball"}


async def ask(client: httpx.AsyncClient, account: Person, **body: object) -> httpx.Response:
    return await client.post("/v1/images/generations", json=ASK | body, headers=account.headers)


async def test_an_image_costs_one_credit_and_is_distinguished_from_a_video(
    client: httpx.AsyncClient, app_state: AppState, account: Person, app: Litestar
) -> None:
    app.state.app_state = with_image_wait(app_state, 0.0)
    unfinished = await ask(client, account, n=3, size="1280x720")
    assert (unfinished.status_code, unfinished.headers["retry-after"]) == (503, "5")
    assert await available(client, account) == 297
    listed = (await client.get("/v1/videos", headers=account.headers)).json()["data"]
    assert {(one["kind"], one["seconds"], one["cost"]["credits"]) for one in listed} == {("image", "0", 1)}
    claimed_job = await app_state.lifecycle.claim("worker_a")
    assert claimed_job
    assert claimed_job.seconds == 0


async def test_a_client_that_asks_again_hears_what_became_of_the_first(
    client: httpx.AsyncClient, app_state: AppState, account: Person, app: Litestar
) -> None:
    app.state.app_state = with_image_wait(app_state, 0.0)
    again = account._replace(headers=account.headers | {"x-stainless-retry-count": "1"})
    for ending, code in (("fail", "video_failed"), ("cancel", "video_cancelled")):
        assert (await ask(client, account, prompt=ending)).status_code == 503
        claimed_job = await app_state.lifecycle.claim("worker_a")
        assert claimed_job
        if ending == "fail":
            assert await app_state.lifecycle.fail(claimed_job, "bad_frames")
        else:
            await app_state.lifecycle.cancel(claimed_job.id, account.id)
        answer = await ask(client, again, prompt=ending)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
    assert await available(client, account) == 300
    assert len((await client.get("/v1/videos", headers=account.headers)).json()["data"]) == 2


async def test_an_image_has_no_length(client: httpx.AsyncClient, account: Person) -> None:
    answer = await ask(client, account, seconds=4)
    assert (answer.status_code, answer.json()["param"]) == (422, "seconds")


async def test_an_answer_stored_by_an_earlier_version_still_finds_its_images(
    client: httpx.AsyncClient, app_state: AppState, account: Person, app: Litestar
) -> None:
    """An object that has gained fields since must not keep a client from what it paid for."""
    app.state.app_state = with_image_wait(app_state, 0.0)
    keyed = account._replace(headers=account.headers | {"idempotency-key": "across an update"})
    first = await ask(client, keyed)
    async with transaction(app_state.pool) as db:
        kept = "convert_to(convert_from(body, 'UTF8')::jsonb - 'provenance' - 'loras' #>> '{}', 'UTF8')"
        await db.execute(f"UPDATE idempotency SET body = {kept} WHERE user_id = $1", account.id)
    again = await ask(client, keyed)
    assert (again.status_code, again.json()["detail"]) == (503, first.json()["detail"])
