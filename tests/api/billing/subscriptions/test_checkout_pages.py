"""Checkout pages: one open page for each kind of purchase, whatever is requested at once."""

from __future__ import annotations

import asyncio

from api.billing.stripe import reads
from tests.support.billing_client import PAID, BillingClient, problem_code


async def test_equal_requests_share_a_page_and_another_closes_it(shop: BillingClient) -> None:
    first, again = await shop.page("plus"), await shop.page("plus")
    assert again == first
    other = await shop.page("pro")
    assert other["id"] != first["id"]
    assert (await shop.local.web.get(first["url"])).status_code == 410
    assert (await shop.local.web.get(other["url"])).status_code == 200
    assert (await shop.page("pro", cancel_url="https://example.org/back"))["id"] != other["id"]


async def test_a_key_gives_the_first_answer_again(shop: BillingClient) -> None:
    asked = {"plan": "plus", "success_url": PAID}
    first = await shop.post("/checkout", asked, **{"Idempotency-Key": "one"})
    await shop.page("pro")
    again = await shop.post("/checkout", asked, **{"Idempotency-Key": "one"})
    assert again.json() == first.json()
    assert problem_code(await shop.post("/checkout", {**asked, "plan": "pro"}, **{"Idempotency-Key": "one"})) == (
        422,
        "idempotency_key_reused",
    )


async def test_concurrent_equal_requests_get_one_customer_and_one_page(shop: BillingClient) -> None:
    answers = await asyncio.gather(*(shop.page("plus") for _ in range(12)))
    assert len({answer["url"] for answer in answers}) == 1
    assert len(await shop.there("/v1/checkout/sessions")) == 1
    customers = await shop.local.call("GET", "/v1/customers", email=shop.person.email)
    assert len(customers["data"]) == 1


async def test_concurrent_different_requests_leave_one_page_open(shop: BillingClient) -> None:
    wishes = [shop.post("/checkout", {"plan": plan, "success_url": PAID}) for plan in ("plus", "pro") * 4]
    answers = await asyncio.gather(*wishes)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert [one["status"] for one in await shop.there("/v1/checkout/sessions")].count("open") == 1


async def test_a_page_that_stripe_refuses_does_not_block_the_next(lasting: BillingClient) -> None:
    [price] = (await reads.list_prices(lasting.local.stripe, ["kinora_pro_v1"])).values()
    await lasting.local.call("POST", f"/v1/prices/{price.id}", active="false")
    assert problem_code(await lasting.post("/checkout", {"plan": "pro", "success_url": PAID})) == (
        500,
        "payments_refused",
    )
    assert (await lasting.page("plus"))["item"] == "plus"
