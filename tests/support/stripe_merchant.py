"""A merchant at the fake Stripe: plans, a pack, metered overage, and a customer who buys them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.fake_stripe import FakeStripe


@dataclass(frozen=True, slots=True)
class Merchant:
    """Two plans, a pack, metered overage, and a customer."""

    stripe: FakeStripe
    plus: str
    pro: str
    pack: str
    overage: str
    meter: str
    customer: str

    @property
    def v1(self) -> Any:
        return self.stripe.v1

    async def open_checkout(self, mode: str, *prices: str, **more: Any) -> Any:
        """Create a checkout session for the customer."""
        rows = [{"price": price} if price == self.overage else {"price": price, "quantity": 1} for price in prices]
        request_params = {
            "mode": mode,
            "customer": self.customer,
            "line_items": rows,
            "success_url": "http://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://shop.test/back",
        }
        return await self.v1.checkout.sessions.create_async({**request_params, **more})

    async def submit_card(self, session: Any, card: str = "4242424242424242") -> httpx.Response:
        """Submit the form of a checkout page."""
        return await self.stripe.http.post(session.url, data={"card": card})

    async def subscribe(self, *prices: str, card: str = "4242424242424242", **more: Any) -> Any:
        """Subscribe at a checkout page."""
        session = await self.open_checkout("subscription", *(prices or (self.plus, self.overage)), **more)
        assert (await self.submit_card(session, card)).status_code == 303
        session = await self.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription"]})
        return session.subscription

    async def latest_invoice(self, subscription: str) -> Any:
        current = await self.v1.subscriptions.retrieve_async(subscription, {"expand": ["latest_invoice"]})
        return current.latest_invoice


async def create_merchant(fake_stripe: FakeStripe) -> Merchant:
    """Create the catalog and the customer."""
    v1 = fake_stripe.v1
    await v1.products.create_async({"id": "kinora", "name": "Kinora"})
    meter = await v1.billing.meters.create_async(
        {"event_name": "overage", "display_name": "Overage", "default_aggregation": {"formula": "sum"}}
    )
    monthly: Any = {"product": "kinora", "currency": "usd", "recurring": {"interval": "month"}}
    plus = await v1.prices.create_async({**monthly, "unit_amount": 999, "lookup_key": "plus_v1"})
    pro = await v1.prices.create_async({**monthly, "unit_amount": 4999, "lookup_key": "pro_v1"})
    pack = await v1.prices.create_async({"product": "kinora", "currency": "usd", "unit_amount": 499})
    by_meter = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    overage = await v1.prices.create_async({**monthly, "unit_amount_decimal": "1", "recurring": by_meter})
    customer = await v1.customers.create_async({"email": "ada@example.org", "name": "Ada"})
    return Merchant(fake_stripe, plus.id, pro.id, pack.id, overage.id, meter.id, customer.id)
