"""The webhook: whom it believes, what it keeps, and that it does nothing else."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from api.http.state import AppState

SECRETS = ["whsec_now", "whsec_before"]
URL = "/v1/webhooks/stripe"


@pytest.fixture
async def open_client(
    client: httpx.AsyncClient, app: Litestar, app_state: AppState
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that knows Stripe's secrets."""
    settings = msgspec.structs.replace(app_state.settings, stripe_key="sk_test_x", stripe_webhook_secrets=SECRETS)
    app.state.app_state = app_state._replace(settings=settings, stripe=type(app_state.stripe)(settings))
    yield client
    app.state.app_state = app_state


def snapshot(**changes: Any) -> bytes:
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "invoice.paid",
        "created": int(time.time()),
        "data": {"object": {"id": "in_1", "object": "invoice", "amount_paid": 999}},
    }
    return msgspec.json.encode(event | changes)


def thin(**changes: Any) -> bytes:
    event = {
        "id": "evt_test_1",
        "object": "v2.core.event",
        "type": "v1.customer.subscription.updated",
        "created": "2026-11-25T10:00:00.000Z",
        "livemode": False,
        "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
    }
    return msgspec.json.encode(event | changes)


def signed(body: bytes, *, at: float | None = None, secret: str = SECRETS[0]) -> dict[str, str]:
    moment = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return {"Stripe-Signature": f"t={moment},v1={mac.hexdigest()}"}


async def post(client: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await client.post(URL, content=body, headers={"Content-Type": "application/json", **headers})


async def kept(app_state: AppState) -> list[tuple[Any, ...]]:
    async with app_state.pool.acquire() as db:
        rows = await db.fetch(
            "SELECT id, type, object_type, object_id, applied_at IS NOT NULL FROM stripe_events ORDER BY id"
        )
    return [tuple(row) for row in rows]


async def test_an_event_is_kept_and_kept_once(open_client: httpx.AsyncClient, app_state: AppState) -> None:
    body = snapshot()
    for _ in range(3):
        answer = await post(open_client, body, signed(body))
        assert (answer.status_code, answer.content) == (204, b"")
    assert await kept(app_state) == [("evt_1", "invoice.paid", "invoice", "in_1", False)]


async def test_thin_events_are_kept_under_the_names_of_the_others(
    open_client: httpx.AsyncClient, app_state: AppState
) -> None:
    body = thin()
    assert (await post(open_client, body, signed(body))).status_code == 204
    assert await kept(app_state) == [("evt_test_1", "customer.subscription.updated", "subscription", "sub_1", False)]


async def test_a_report_is_about_itself(open_client: httpx.AsyncClient, app_state: AppState) -> None:
    """Two reports on one meter say different things, so neither may stand for the other."""
    meter = {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"}
    for event in (
        thin(id="evt_1", type="v1.billing.meter.error_report_triggered", related_object=meter),
        thin(id="evt_2", type="v1.billing.meter.no_meter_found", related_object=None),
    ):
        assert (await post(open_client, event, signed(event))).status_code == 204
    assert [row[2:] for row in await kept(app_state)] == [("report", "evt_1", False), ("report", "evt_2", False)]


async def test_a_type_that_asks_for_nothing_is_kept_as_done(
    open_client: httpx.AsyncClient, app_state: AppState
) -> None:
    body = snapshot(type="balance.available", data={"object": {"object": "balance"}})
    assert (await post(open_client, body, signed(body))).status_code == 204
    assert await kept(app_state) == [("evt_1", "balance.available", "balance", "", True)]


async def test_either_secret_is_good_while_one_replaces_the_other(open_client: httpx.AsyncClient) -> None:
    body = snapshot()
    for secret in SECRETS:
        assert (await post(open_client, body, signed(body, secret=secret))).status_code == 204
    both = (
        signed(body, secret="whsec_of_another")["Stripe-Signature"]
        + ","
        + (signed(body)["Stripe-Signature"].partition(",")[2])
    )
    assert (await post(open_client, body, {"Stripe-Signature": both})).status_code == 204


async def test_five_minutes_are_forgiven_in_both_directions(
    open_client: httpx.AsyncClient, app_state: AppState
) -> None:
    body, now = snapshot(), time.time()
    for shift in (-295, 295):
        assert (await post(open_client, body, signed(body, at=now + shift))).status_code == 204
    for shift in (-310, 310, -86_400, 86_400, 365 * 86_400):
        answer = await post(open_client, body, signed(body, at=now + shift))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_signature")


async def test_one_changed_bit_anywhere_is_refused(open_client: httpx.AsyncClient, app_state: AppState) -> None:
    body = snapshot()
    headers = signed(body)
    for place in range(len(body) * 8):
        bent = bytearray(body)
        bent[place // 8] ^= 1 << place % 8
        answer = await post(open_client, bytes(bent), headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_signature"), place
    assert await kept(app_state) == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "t=1",
        "v1=00",
        "nonsense",
        "t=x,v1=00",
        "t=١٢,v1=00",
        f"t={'9' * 400},v1=00",
        "t={now},v0={mac}",
        "t={now},v1=",
    ],
)
async def test_a_header_that_proves_nothing_is_refused(
    open_client: httpx.AsyncClient, app_state: AppState, header: str
) -> None:
    body = snapshot()
    moment, _, mac = signed(body)["Stripe-Signature"].partition(",v1=")
    filled = header.format(now=moment.removeprefix("t="), mac=mac) if "{" in header else header
    answer = await open_client.post(URL, content=body, headers=[(b"Stripe-Signature", filled.encode())])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_signature")
    assert (await post(open_client, body, {})).status_code == 400
    assert await kept(app_state) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"object": "event"}', b'{"object": "account"}', b"\xff"])
async def test_a_signed_body_that_is_no_event_is_refused(open_client: httpx.AsyncClient, body: bytes) -> None:
    answer = await post(open_client, body, signed(body))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")


async def test_a_body_that_no_event_has_is_not_read(open_client: httpx.AsyncClient) -> None:
    body = b" " * 1_000_001
    assert (await post(open_client, body, signed(body))).status_code == 413


async def test_without_a_secret_it_is_closed(client: httpx.AsyncClient, app_state: AppState) -> None:
    body = snapshot()
    answer = await post(client, body, signed(body, secret=""))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "webhook_closed")
    assert answer.headers["retry-after"]
    assert await kept(app_state) == []


async def test_webhooks_are_not_rate_limited(limited_client: httpx.AsyncClient) -> None:
    """Public routes forgive fifty at once."""
    statuses = {(await post(limited_client, b"{}", {})).status_code for _ in range(60)}
    assert statuses == {503}
