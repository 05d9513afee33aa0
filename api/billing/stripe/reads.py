"""Reading from Stripe: objects as they are now, by their ids, and lists of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from api.billing.stripe.client import PAGE_SIZE, Stripe
from api.billing.stripe.event_objects import ReceivedEvent, SnapshotEvent
from api.billing.stripe.invoice_objects import (
    Charge,
    Dispute,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    PaymentIntent,
    Refund,
)
from api.billing.stripe.objects import (
    CheckoutSession,
    StripeCustomer,
    StripeList,
    StripePrice,
    StripeSubscription,
    SubscriptionSchedule,
)
from api.schemas.common import unix_seconds

LOOKUP_KEYS_AT_ONCE = 10
"""The most lookup keys that Stripe takes in one request."""


# -- customers, prices, subscriptions -----------------------------------------------------------------------


async def retrieve_customer(stripe: Stripe, customer_id: str) -> StripeCustomer:
    """A customer, deleted or not."""
    return await stripe.request(lambda c: c.v1.customers.retrieve_async(customer_id), StripeCustomer)


async def retrieve_price(stripe: Stripe, price_id: str) -> StripePrice:
    """A price, read once in a process."""
    if price_id not in stripe.prices:
        stripe.prices[price_id] = await stripe.request(lambda c: c.v1.prices.retrieve_async(price_id), StripePrice)
    return stripe.prices[price_id]


async def list_prices(stripe: Stripe, lookup_keys: Sequence[str]) -> dict[str, StripePrice]:
    """The active prices under these lookup keys; keys that have none are missing."""
    prices: dict[str, StripePrice] = {}
    for begin in range(0, len(lookup_keys), LOOKUP_KEYS_AT_ONCE):
        keys = list(lookup_keys[begin : begin + LOOKUP_KEYS_AT_ONCE])
        page = await stripe.request(
            lambda c, keys=keys: c.v1.prices.list_async({"lookup_keys": keys, "active": True, "limit": PAGE_SIZE}),  # type: ignore[misc]
            StripeList[StripePrice],
        )
        prices |= {price.lookup_key: price for price in page.data if price.lookup_key}
    return prices


async def retrieve_subscription(stripe: Stripe, subscription_id: str) -> StripeSubscription:
    """A subscription as it is now."""
    return await stripe.request(lambda c: c.v1.subscriptions.retrieve_async(subscription_id), StripeSubscription)


async def list_subscriptions(stripe: Stripe, customer_id: str) -> list[StripeSubscription]:
    """Every subscription a customer ever had, newest first."""
    subscriptions = stripe.list_all(
        lambda c: c.v1.subscriptions.list_async({"customer": customer_id, "status": "all", "limit": PAGE_SIZE}),
        StripeSubscription,
    )
    return [subscription async for subscription in subscriptions]


async def retrieve_schedule(stripe: Stripe, schedule_id: str) -> SubscriptionSchedule:
    """The schedule of a subscription's coming changes."""
    return await stripe.request(lambda c: c.v1.subscription_schedules.retrieve_async(schedule_id), SubscriptionSchedule)


# -- checkout sessions --------------------------------------------------------------------------------------


async def retrieve_checkout_session(stripe: Stripe, session_id: str) -> CheckoutSession:
    """A checkout session as it is now."""
    return await stripe.request(lambda c: c.v1.checkout.sessions.retrieve_async(session_id), CheckoutSession)


async def list_checkout_sessions(stripe: Stripe, payment_intent_id: str) -> list[CheckoutSession]:
    """The checkout session in which a payment was made; empty for a payment made elsewhere."""
    sessions = stripe.list_all(
        lambda c: c.v1.checkout.sessions.list_async({"payment_intent": payment_intent_id, "limit": PAGE_SIZE}),
        CheckoutSession,
    )
    return [session async for session in sessions]


# -- invoices, payments, refunds, disputes ------------------------------------------------------------------


async def retrieve_invoice(stripe: Stripe, invoice_id: str) -> Invoice:
    """An invoice with all its lines and payments."""
    invoice = await stripe.request(
        lambda c: c.v1.invoices.retrieve_async(invoice_id, {"expand": ["payments"]}), Invoice
    )
    if not invoice.lines.has_more:
        return invoice
    lines = stripe.list_all(
        lambda c: c.v1.invoices.line_items.list_async(invoice_id, {"limit": PAGE_SIZE}), InvoiceLine
    )
    return msgspec.structs.replace(invoice, lines=StripeList([line async for line in lines]))


async def find_invoice_of_payment(stripe: Stripe, payment_intent_id: str) -> Invoice | None:
    """The invoice that a payment is for; None for the payment of a pack."""
    page = await stripe.request(
        lambda c: c.v1.invoice_payments.list_async(
            {"payment": {"type": "payment_intent", "payment_intent": payment_intent_id}, "limit": 1}
        ),
        StripeList[InvoicePayment],
    )
    return await retrieve_invoice(stripe, page.data[0].invoice) if page.data else None


async def retrieve_payment_intent(stripe: Stripe, payment_intent_id: str) -> PaymentIntent:
    """A payment as it is now."""
    return await stripe.request(lambda c: c.v1.payment_intents.retrieve_async(payment_intent_id), PaymentIntent)


async def find_payment_of_charge(stripe: Stripe, charge_id: str) -> str | None:
    """Id of the payment intent that a charge belongs to."""
    charge = await stripe.request(lambda c: c.v1.charges.retrieve_async(charge_id), Charge)
    return charge.payment_intent


async def retrieve_refund(stripe: Stripe, refund_id: str) -> Refund:
    """A refund as it is now."""
    return await stripe.request(lambda c: c.v1.refunds.retrieve_async(refund_id), Refund)


async def list_refunds(stripe: Stripe, payment_intent_id: str) -> list[Refund]:
    """The refunds of a payment, in whatever state."""
    refunds = stripe.list_all(
        lambda c: c.v1.refunds.list_async({"payment_intent": payment_intent_id, "limit": PAGE_SIZE}), Refund
    )
    return [refund async for refund in refunds]


async def retrieve_dispute(stripe: Stripe, dispute_id: str) -> Dispute:
    """A dispute as it is now."""
    return await stripe.request(lambda c: c.v1.disputes.retrieve_async(dispute_id), Dispute)


async def list_disputes(stripe: Stripe, payment_intent_id: str) -> list[Dispute]:
    """The disputes about a payment."""
    disputes = stripe.list_all(
        lambda c: c.v1.disputes.list_async({"payment_intent": payment_intent_id, "limit": PAGE_SIZE}), Dispute
    )
    return [dispute async for dispute in disputes]


# -- events -------------------------------------------------------------------------------------------------


async def list_undelivered_events(
    stripe: Stripe, since: datetime, types: Sequence[str]
) -> AsyncIterator[ReceivedEvent]:
    """Events of these types that no endpoint has taken, newest first. Stripe keeps events for 30 days."""
    events = stripe.list_all(
        lambda c: c.v1.events.list_async(
            {
                "delivery_success": False,
                "created": {"gte": unix_seconds(since)},
                "types": list(types),
                "limit": PAGE_SIZE,
            }
        ),
        SnapshotEvent,
    )
    async for event in events:
        yield event.to_received_event()
