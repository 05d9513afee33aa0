"""Prices and their lookup keys."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.support.stripe_merchant import Merchant


async def test_a_lookup_key_moves_to_another_price_only_on_request(merchant: Merchant) -> None:
    v1 = merchant.v1
    params: Any = {"product": "kinora", "currency": "usd", "unit_amount": 1099, "recurring": {"interval": "month"}}
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        await v1.prices.create_async({**params, "lookup_key": "plus_v1"})
    other = await v1.prices.create_async({**params, "lookup_key": "plus_v1", "transfer_lookup_key": True})
    found = await v1.prices.list_async({"lookup_keys": ["plus_v1"], "active": True})
    assert [price.id for price in found.data] == [other.id]
