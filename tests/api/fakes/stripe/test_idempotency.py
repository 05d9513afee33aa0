"""Idempotency keys."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.fake_stripe import AUTHORIZATION, FakeStripe
from tests.support.stripe_merchant import Merchant


async def test_a_repeated_key_replays_the_first_response(fake_stripe: FakeStripe) -> None:
    first = await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")
    again = await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"] != again.headers["request-id"]
    assert "idempotent-replayed" not in first.headers
    assert await fake_stripe.count_customers() == 1


async def test_a_key_is_rejected_for_another_request(fake_stripe: FakeStripe) -> None:
    await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")
    for path, email in (("/v1/customers", "b@x.org"), ("/v1/products", "a@x.org")):
        other = await fake_stripe.post_form(path, "k", email=email)
        assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert await fake_stripe.count_customers() == 1


async def test_a_500_is_replayed_whether_or_not_the_work_was_committed(fake_stripe: FakeStripe) -> None:
    for kind, created in (("500_before", 0), ("500_after", 1)):
        await fake_stripe.control("faults", kind=kind, route="POST /v1/customers")
        for replayed in (None, "true"):
            answer = await fake_stripe.post_form("/v1/customers", kind, email="a@x.org")
            assert (answer.status_code, answer.json()["error"]["type"]) == (500, "api_error")
            assert answer.headers.get("idempotent-replayed") == replayed
        assert await fake_stripe.count_customers() == created


async def test_a_decline_is_replayed_and_a_rejected_parameter_is_not(merchant: Merchant) -> None:
    fake_stripe = merchant.stripe
    path = "/v1/payment_methods/pm_card_chargeDeclined/attach"
    for replayed in (None, "true"):
        answer = await fake_stripe.post_form(path, "declined", customer=merchant.customer)
        assert (answer.status_code, answer.json()["error"]["decline_code"]) == (402, "generic_decline")
        assert answer.headers.get("idempotent-replayed") == replayed
    assert (await fake_stripe.post_form("/v1/customers", "mended", email="a", colour="red")).status_code == 400
    assert (await fake_stripe.post_form("/v1/customers", "mended", email="a")).status_code == 200


@pytest.mark.parametrize("kind", ["409", "429"])
async def test_conflicts_and_rate_limits_are_not_replayed(fake_stripe: FakeStripe, kind: str) -> None:
    await fake_stripe.control("faults", kind=kind)
    assert (await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")).status_code == int(kind)
    answer = await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (200, False)


async def test_a_key_in_progress_is_rejected(fake_stripe: FakeStripe) -> None:
    await fake_stripe.control("faults", kind="slow", seconds=0.5)
    slow = asyncio.ensure_future(fake_stripe.post_form("/v1/customers", "k", email="a@x.org"))
    await fake_stripe.wait_for_fault("slow")
    meanwhile = await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")
    assert (meanwhile.status_code, meanwhile.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await slow).status_code == 200
    assert (await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")).headers["idempotent-replayed"] == "true"


async def test_fifty_concurrent_requests_with_one_key_create_one_object(fake_stripe: FakeStripe) -> None:
    answers = await asyncio.gather(*(fake_stripe.post_form("/v1/customers", "k", email="a@x.org") for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert await fake_stripe.count_customers() == 1


async def test_a_key_expires_after_a_day_and_has_at_most_255_characters(fake_stripe: FakeStripe) -> None:
    first = await fake_stripe.post_form("/v1/customers", "k" * 255, email="a@x.org")
    assert (await fake_stripe.post_form("/v1/customers", "k" * 256, email="a@x.org")).status_code == 400
    await fake_stripe.advance(hours=23)
    assert (await fake_stripe.post_form("/v1/customers", "k" * 255, email="a@x.org")).content == first.content
    await fake_stripe.advance(hours=2)
    assert (await fake_stripe.post_form("/v1/customers", "k" * 255, email="a@x.org")).json()["id"] != first.json()["id"]


async def test_a_key_is_ignored_for_get_requests(fake_stripe: FakeStripe) -> None:
    for created in range(2):
        page = await fake_stripe.http.get("/v1/customers", headers={**AUTHORIZATION, "Idempotency-Key": "k"})
        assert len(page.json()["data"]) == created
        await fake_stripe.post_form("/v1/customers")
