"""Reads subscriptions, invoices and charges of a merchant."""

from __future__ import annotations

from typing import Any

from tests.support.stripe_merchant import Merchant


async def reload_subscription(merchant: Merchant, subscription: Any) -> Any:
    return await merchant.v1.subscriptions.retrieve_async(subscription.id)


def plan_key(subscription: Any) -> str:
    return str(subscription["items"].data[0].price.lookup_key)


def first_item_id(subscription: Any) -> str:
    return str(subscription["items"].data[0].id)


async def paid_amounts(merchant: Merchant, subscription: Any) -> list[int]:
    """Amounts of the paid invoices, oldest first."""
    page = await merchant.v1.invoices.list_async({"subscription": subscription.id, "status": "paid", "limit": 100})
    return [invoice.amount_paid for invoice in page.data][::-1]


async def buy_pack(merchant: Merchant, card: str = "4242424242424242") -> str:
    """Buy the pack; returns the payment intent's id."""
    session = await merchant.open_checkout("payment", merchant.pack)
    assert (await merchant.submit_card(session, card)).status_code == 303
    return str((await merchant.v1.checkout.sessions.retrieve_async(session.id)).payment_intent)


async def find_charge(merchant: Merchant, payment: str) -> Any:
    (found,) = (await merchant.v1.charges.list_async({"payment_intent": payment, "expand": ["data.refunds"]})).data
    return found
