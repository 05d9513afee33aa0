"""Changes of subscriptions at Stripe: previews, upgrades, schedules, cancellation and refunds. Knows no database.

Objects are created through `Stripe.create_once`, under a key that names their purpose. Updates carry an idempotency key
of the single request, for the library's own retries alone.
"""

from __future__ import annotations

from typing import Any

from api.billing.stripe import reads
from api.billing.stripe.client import PAGE_SIZE, Stripe
from api.billing.stripe.invoice_objects import Invoice, InvoicePreview, Refund
from api.billing.stripe.objects import (
    SchedulePhase,
    StripePrice,
    StripeSubscription,
    SubscriptionItem,
    SubscriptionSchedule,
)

# -- upgrades -----------------------------------------------------------------------------------------------


async def preview_change(
    stripe: Stripe, subscription: StripeSubscription, item: SubscriptionItem, price: StripePrice, at: int
) -> InvoicePreview:
    """The invoice that a change of `item` to `price` would bring, prorated as of `at`, in Unix seconds."""
    return await stripe.request(
        lambda c: c.v1.invoices.create_preview_async(
            {
                "customer": subscription.customer,
                "subscription": subscription.id,
                "subscription_details": {
                    "items": [{"id": item.id, "price": price.id}],
                    "proration_behavior": "always_invoice",
                    "proration_date": at,
                },
            }
        ),
        InvoicePreview,
    )


async def upgrade_now(
    stripe: Stripe, subscription: StripeSubscription, item: SubscriptionItem, price: StripePrice, at: int, key: str
) -> StripeSubscription:
    """Change to a price now and charge the difference; until that is paid, the change waits as `pending_update`.

    `key` is new for each request of the user: on another try the bank may answer otherwise.
    """

    async def find() -> StripeSubscription | None:
        now = await reads.retrieve_subscription(stripe, subscription.id)
        is_changed = now.plan_item is not None and now.plan_item.price.id == price.id
        is_pending = now.pending_update is not None and now.latest_invoice != subscription.latest_invoice
        return now if is_changed or is_pending else None

    return await stripe.create_once(
        f"upgrade:{subscription.id}:{key}",
        find,
        lambda c, options: c.v1.subscriptions.update_async(
            subscription.id,
            {
                "items": [{"id": item.id, "price": price.id}],
                "payment_behavior": "pending_if_incomplete",
                "proration_behavior": "always_invoice",
                "proration_date": at,
            },
            options,
        ),
        StripeSubscription,
    )


async def void_invoice(stripe: Stripe, invoice_id: str) -> Invoice:
    """Void an unpaid invoice, and with it the change that waits for its payment."""
    return await stripe.request(lambda c: c.v1.invoices.void_invoice_async(invoice_id), Invoice)


# -- changes at the period's end ----------------------------------------------------------------------------


async def cancel_at_period_end(stripe: Stripe, subscription: StripeSubscription) -> StripeSubscription:
    """Let a subscription end with its period."""
    if subscription.cancel_at_period_end:
        return subscription
    return await stripe.request(
        lambda c: c.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True}), StripeSubscription
    )


async def resume_subscription(stripe: Stripe, subscription: StripeSubscription) -> StripeSubscription:
    """Take back a cancellation that has not taken effect."""
    if subscription.cancel_at is None and not subscription.cancel_at_period_end:
        return subscription
    change: Any = {"cancel_at_period_end": False} if subscription.cancel_at_period_end else {"cancel_at": ""}
    return await stripe.request(lambda c: c.v1.subscriptions.update_async(subscription.id, change), StripeSubscription)


async def schedule_change(
    stripe: Stripe, subscription: StripeSubscription, item: SubscriptionItem, price: StripePrice
) -> SubscriptionSchedule:
    """Change to a price when the period ends.

    A schedule can only be created as a copy of the subscription and then be given a next phase, so this takes two
    requests. A failure between them does no harm: the copy alone changes nothing.
    """
    schedule = await _ensure_schedule(stripe, subscription)
    phases: Any = _two_phases(schedule.phases[0], item.price, price)
    return await stripe.request(
        lambda c: c.v1.subscription_schedules.update_async(
            schedule.id, {"phases": phases, "end_behavior": "release", "proration_behavior": "none"}
        ),
        SubscriptionSchedule,
    )


def _two_phases(current: SchedulePhase, old: StripePrice, new: StripePrice) -> list[dict[str, Any]]:
    """The running phase, unchanged, and a month under the new price; metered items stay in both."""
    metered = [{"price": item.price} for item in current.items if item.price != old.id]
    return [
        {
            "start_date": current.start_date,
            "end_date": current.end_date,
            "items": [{"price": old.id, "quantity": 1}, *metered],
            "proration_behavior": "none",
            **({"trial_end": current.trial_end} if current.trial_end else {}),
        },
        {
            "items": [{"price": new.id, "quantity": 1}, *metered],
            "duration": {"interval": "month", "interval_count": 1},
            "proration_behavior": "none",
        },
    ]


async def _ensure_schedule(stripe: Stripe, subscription: StripeSubscription) -> SubscriptionSchedule:
    """The schedule that governs a subscription, created if none does.

    Its key names the schedule before it, so that a downgrade that was taken back and is requested again makes another.
    """

    async def find() -> SubscriptionSchedule | None:
        now = await reads.retrieve_subscription(stripe, subscription.id)
        return await reads.retrieve_schedule(stripe, now.schedule) if now.schedule else None

    query: Any = {"customer": subscription.customer, "limit": PAGE_SIZE}
    listed = stripe.list_all(lambda c: c.v1.subscription_schedules.list_async(query), SubscriptionSchedule)
    schedules = [schedule async for schedule in listed]
    for schedule in schedules:
        if schedule.is_in_effect and schedule.subscription == subscription.id:
            return schedule
    return await stripe.create_once(
        f"schedule:{subscription.id}:{schedules[0].id if schedules else 'first'}",
        find,
        lambda c, options: c.v1.subscription_schedules.create_async({"from_subscription": subscription.id}, options),
        SubscriptionSchedule,
    )


async def release_schedule(stripe: Stripe, schedule_id: str) -> SubscriptionSchedule:
    """Drop the changes that a schedule would make and leave its subscription as it is."""
    return await stripe.request(lambda c: c.v1.subscription_schedules.release_async(schedule_id), SubscriptionSchedule)


# -- undoing a subscription that was bought twice -----------------------------------------------------------


async def cancel_now(stripe: Stripe, subscription_id: str) -> StripeSubscription:
    """End a live subscription now, without a last invoice."""
    return await stripe.request(lambda c: c.v1.subscriptions.cancel_async(subscription_id), StripeSubscription)


async def refund_payment(stripe: Stripe, payment_intent_id: str) -> Refund:
    """Refund the whole of a payment, once."""

    async def find() -> Refund | None:
        refunds = await reads.list_refunds(stripe, payment_intent_id)
        return next((refund for refund in refunds if refund.status not in ("failed", "canceled")), None)

    if refund := await find():
        return refund
    params: Any = {"payment_intent": payment_intent_id, "reason": "duplicate"}
    return await stripe.create_once(
        f"pay_back:{payment_intent_id}", find, lambda c, options: c.v1.refunds.create_async(params, options), Refund
    )
