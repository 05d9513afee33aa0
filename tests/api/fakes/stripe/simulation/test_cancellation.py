"""Ending a subscription."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.support.stripe_merchant import Merchant
from tests.support.stripe_objects import paid_amounts, reload_subscription


async def test_cancellation_at_period_end_can_be_undone(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    v1 = merchant.v1
    stopping = await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert stopping.cancel_at == stopping["items"].data[0].current_period_end
    going = await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": False})
    assert (going.cancel_at, going.canceled_at) == (None, None)
    await merchant.stripe.advance(days=32)
    assert (await reload_subscription(merchant, subscription)).status == "active"
    await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    await merchant.stripe.advance(days=31)
    ended = await reload_subscription(merchant, subscription)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "cancellation_requested")
    assert ended.ended_at == ended["items"].data[0].current_period_end
    assert await paid_amounts(merchant, subscription) == [999, 999]
    with pytest.raises(stripe.InvalidRequestError):
        await v1.subscriptions.cancel_async(subscription.id)


async def test_immediate_cancellation_credits_unused_time_on_request(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    await merchant.stripe.advance(days=10)
    more: Any = {"invoice_now": True, "prorate": True}
    ended = await merchant.v1.subscriptions.cancel_async(subscription.id, more)
    assert ended.status == "canceled"
    balance = (await merchant.v1.customers.retrieve_async(merchant.customer)).balance
    assert -700 < balance < -600
