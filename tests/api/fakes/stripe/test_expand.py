"""`expand[]`."""

from __future__ import annotations

import pytest
import stripe

from tests.support.stripe_merchant import Merchant


async def test_only_the_requested_paths_are_expanded(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    v1 = merchant.v1
    plain = await v1.invoices.retrieve_async(subscription.latest_invoice)
    assert "payments" not in plain
    assert plain.customer == merchant.customer
    deep = ["customer.invoice_settings.default_payment_method", "payments.data.payment.payment_intent"]
    found = await v1.invoices.retrieve_async(subscription.latest_invoice, {"expand": deep})
    assert found.customer.email == "ada@example.org"
    assert found.payments.data[0].payment.payment_intent.status == "succeeded"
    page = await v1.subscriptions.list_async({"customer": merchant.customer, "expand": ["data.latest_invoice"]})
    assert page.data[0].latest_invoice.id == subscription.latest_invoice
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await v1.customers.retrieve_async(merchant.customer, {"expand": ["email"]})
