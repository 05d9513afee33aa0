"""Checkout pages: one open page for each kind of purchase, whatever is requested at once."""

from __future__ import annotations

import asyncio

from api.billing.stripe import reads
from tests.support.billing_client import PAID, BillingClient, problem_code


async def test_equal_requests_share_a_page_and_another_closes_it(billing_client: BillingClient) -> None:
    first, again = await billing_client.open_checkout("plus"), await billing_client.open_checkout("plus")
    assert again == first
    other = await billing_client.open_checkout("pro")
    assert other["id"] != first["id"]
    assert (await billing_client.stripe_process.http_client.get(first["url"])).status_code == 410
    assert (await billing_client.stripe_process.http_client.get(other["url"])).status_code == 200
    assert (await billing_client.open_checkout("pro", cancel_url="https://example.org/back"))["id"] != other["id"]


async def test_a_key_gives_the_first_answer_again(billing_client: BillingClient) -> None:
    asked = {"plan": "plus", "success_url": PAID}
    first = await billing_client.post("/checkout", asked, **{"Idempotency-Key": "one"})
    await billing_client.open_checkout("pro")
    again = await billing_client.post("/checkout", asked, **{"Idempotency-Key": "one"})
    assert again.json() == first.json()
    other = await billing_client.post("/checkout", {**asked, "plan": "pro"}, **{"Idempotency-Key": "one"})
    assert problem_code(other) == (422, "idempotency_key_reused")


async def test_concurrent_equal_requests_get_one_customer_and_one_page(billing_client: BillingClient) -> None:
    answers = await asyncio.gather(*(billing_client.open_checkout("plus") for _ in range(12)))
    assert len({answer["url"] for answer in answers}) == 1
    assert len(await billing_client.list_objects("/v1/checkout/sessions")) == 1
    customers = await billing_client.stripe_process.call_stripe(
        "GET", "/v1/customers", email=billing_client.person.email
    )
    assert len(customers["data"]) == 1


async def test_concurrent_different_requests_leave_one_page_open(billing_client: BillingClient) -> None:
    wishes = [billing_client.post("/checkout", {"plan": plan, "success_url": PAID}) for plan in ("plus", "pro") * 4]
    answers = await asyncio.gather(*wishes)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert [one["status"] for one in await billing_client.list_objects("/v1/checkout/sessions")].count("open") == 1


async def test_a_page_that_stripe_refuses_does_not_block_the_next(isolated_client: BillingClient) -> None:
    [price] = (await reads.list_prices(isolated_client.stripe_process.stripe, ["kinora_pro_v1"])).values()
    await isolated_client.stripe_process.call_stripe("POST", f"/v1/prices/{price.id}", active="false")
    assert problem_code(await isolated_client.post("/checkout", {"plan": "pro", "success_url": PAID})) == (
        500,
        "payments_refused",
    )
    assert (await isolated_client.open_checkout("plus"))["item"] == "plus"
