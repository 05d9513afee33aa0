"""What tests ask about a subscription."""

from __future__ import annotations

from typing import Any

from tests.fakes.stripe.conftest import Shop


async def read(shop: Shop, subscription: Any) -> Any:
    return await shop.double.v1.subscriptions.retrieve_async(subscription.id)


def plan(subscription: Any) -> str:
    return str(subscription["items"].data[0].price.lookup_key)


def item(subscription: Any) -> str:
    return str(subscription["items"].data[0].id)


async def amounts(shop: Shop, subscription: Any) -> list[int]:
    """What was paid, oldest first."""
    page = await shop.double.v1.invoices.list_async({"subscription": subscription.id, "status": "paid", "limit": 100})
    return [invoice.amount_paid for invoice in page.data][::-1]
