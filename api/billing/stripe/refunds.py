"""What we undo at Stripe: a subscription bought twice ends at once, and its payment goes back."""

from __future__ import annotations

from api.billing.stripe.client import Stripe
from api.billing.stripe.objects import Refund, StripeSubscription


async def end(stripe: Stripe, subscription: str) -> StripeSubscription:
    """End a live subscription now, without a last invoice."""
    return await stripe.ask(lambda c: c.v1.subscriptions.cancel_async(subscription), StripeSubscription)


async def pay_back(stripe: Stripe, payment: str) -> Refund:
    """Give back the whole of a payment, once."""

    async def find() -> Refund | None:
        made = await stripe.refunds(payment)
        return next((one for one in made if one.status not in ("failed", "canceled")), None)

    if found := await find():
        return found
    return await stripe.create_once(
        f"pay_back:{payment}",
        find,
        lambda c, options: c.v1.refunds.create_async({"payment_intent": payment, "reason": "duplicate"}, options),
        Refund,
    )
