"""Checkout sessions at Stripe: the pages on which a subscription or a pack is paid. Knows no database."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from api.billing.stripe.client import PAGE_SIZE, Stripe
from api.billing.stripe.objects import CheckoutSession, StripePrice


class CheckoutSpec(Struct, frozen=True, kw_only=True):
    """A checkout session to create. `id` is ours, and the key under which the session is created once."""

    id: str
    user_id: str
    customer: str
    locale: str
    success_url: str
    cancel_url: str | None
    price: StripePrice
    quantity: int = 1
    metered: StripePrice | None = None
    trial_days: int = 0
    extra_metadata: dict[str, str] = {}

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata of the session and of the subscription or payment that comes of it."""
        return {"user": self.user_id, "checkout": self.id, **self.extra_metadata}


async def create_subscription_checkout(stripe: Stripe, spec: CheckoutSpec) -> CheckoutSession:
    """A session that begins a subscription. Its second item charges what the overage meter counts."""
    items: list[Any] = [{"price": spec.price.id, "quantity": spec.quantity}]
    items += [{"price": spec.metered.id}] if spec.metered else []
    subscription: dict[str, Any] = {"metadata": spec.metadata}
    if spec.trial_days:
        subscription |= {
            "trial_period_days": spec.trial_days,
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        }
    return await _create_session(stripe, spec, mode="subscription", line_items=items, subscription_data=subscription)


async def create_pack_checkout(stripe: Stripe, spec: CheckoutSpec) -> CheckoutSession:
    """A session that sells credit packs."""
    items = [{"price": spec.price.id, "quantity": spec.quantity}]
    payment = {"metadata": spec.metadata}
    return await _create_session(stripe, spec, mode="payment", line_items=items, payment_intent_data=payment)


async def _create_session(stripe: Stripe, spec: CheckoutSpec, **mode_params: Any) -> CheckoutSession:
    params: Any = {
        "customer": spec.customer,
        "client_reference_id": spec.user_id,
        "metadata": spec.metadata,
        "locale": spec.locale,
        "success_url": spec.success_url,
        **({"cancel_url": spec.cancel_url} if spec.cancel_url else {}),
        **mode_params,
    }

    async def find() -> CheckoutSession | None:
        query: Any = {"customer": spec.customer, "limit": PAGE_SIZE}
        sessions = stripe.list_all(lambda c: c.v1.checkout.sessions.list_async(query), CheckoutSession)
        ours = [session async for session in sessions if (session.metadata or {}).get("checkout") == spec.id]
        return ours[0] if ours else None

    return await stripe.create_once(
        f"checkout:{spec.id}",
        find,
        lambda c, options: c.v1.checkout.sessions.create_async(params, options),
        CheckoutSession,
    )


async def expire_session(stripe: Stripe, session_id: str) -> CheckoutSession:
    """Close an open session. Raises PaymentRequestRejected if it is expired or paid already."""
    return await stripe.request(lambda c: c.v1.checkout.sessions.expire_async(session_id), CheckoutSession)
