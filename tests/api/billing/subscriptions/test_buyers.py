"""Buyers: customers of another account, and the language of their invoices."""

from __future__ import annotations

from tests.support.billing_client import PAID, BillingClient, problem_code


async def elsewhere(billing_client: BillingClient) -> None:
    """What was known of Stripe is of another account: the key has been changed, as after a time with the stand-in."""
    async with billing_client.app_state.pool.acquire() as connection:
        await connection.execute("UPDATE users SET stripe_customer = 'cus_elsewhere'")
        await connection.execute("UPDATE checkouts SET session = 'cs_elsewhere'")


async def test_a_customer_of_another_account_can_buy(billing_client: BillingClient) -> None:
    before = await billing_client.open_checkout("plus")
    await elsewhere(billing_client)
    after = await billing_client.open_checkout("plus")
    assert after["id"] != before["id"]
    assert (await billing_client.list_objects("/v1/checkout/sessions"))[0]["url"] == after["url"]


async def test_a_wrong_key_does_not_lead_to_a_second_subscription(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus")
    await elsewhere(billing_client)
    answer = await billing_client.post("/checkout", {"plan": "plus", "success_url": PAID})
    assert problem_code(answer) == (500, "payments_refused")
    assert await billing_client.find_customer() == "cus_elsewhere"


async def test_invoices_follow_the_language_of_the_user(billing_client: BillingClient) -> None:
    await billing_client.open_checkout("plus")
    await billing_client.http_client.patch("/v1/me", json={"locale": "fr"}, headers=billing_client.person.headers)
    page = await billing_client.open_checkout("plus")
    session = await billing_client.stripe_process.call_stripe(
        "GET", f"/v1/checkout/sessions/{page['url'].rpartition('/')[2]}"
    )
    customer = await billing_client.stripe_process.call_stripe(
        "GET", f"/v1/customers/{await billing_client.find_customer()}"
    )
    assert (session["locale"], customer["preferred_locales"]) == ("fr", ["fr"])
