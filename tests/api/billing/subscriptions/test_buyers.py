"""Buyers: customers of another account, and the language of their invoices."""

from __future__ import annotations

from tests.support.billing_client import PAID, BillingClient, problem_code


async def elsewhere(shop: BillingClient) -> None:
    """What was known of Stripe is of another account: the key has been changed, as after a time with the stand-in."""
    async with shop.app_state.pool.acquire() as connection:
        await connection.execute("UPDATE users SET stripe_customer = 'cus_elsewhere'")
        await connection.execute("UPDATE checkouts SET session = 'cs_elsewhere'")


async def test_a_customer_of_another_account_can_buy(shop: BillingClient) -> None:
    before = await shop.page("plus")
    await elsewhere(shop)
    after = await shop.page("plus")
    assert after["id"] != before["id"]
    assert (await shop.there("/v1/checkout/sessions"))[0]["url"] == after["url"]


async def test_a_wrong_key_does_not_lead_to_a_second_subscription(shop: BillingClient) -> None:
    await shop.subscribe("plus")
    await elsewhere(shop)
    answer = await shop.post("/checkout", {"plan": "plus", "success_url": PAID})
    assert problem_code(answer) == (500, "payments_refused")
    assert await shop.customer() == "cus_elsewhere"


async def test_invoices_follow_the_language_of_the_user(shop: BillingClient) -> None:
    await shop.page("plus")
    await shop.web.patch("/v1/me", json={"locale": "fr"}, headers=shop.person.headers)
    page = await shop.page("plus")
    session = await shop.local.call("GET", f"/v1/checkout/sessions/{page['url'].rpartition('/')[2]}")
    customer = await shop.local.call("GET", f"/v1/customers/{await shop.customer()}")
    assert (session["locale"], customer["preferred_locales"]) == ("fr", ["fr"])
