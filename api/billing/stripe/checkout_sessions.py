"""What selling asks of Stripe: customers, pages to pay at, changes of subscriptions. Knows no database.

Whatever makes an object goes through `Stripe.create_once`, under a key that says what the object is for. Whatever
changes one carries a key of the request's own, for its repetition inside the library alone.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from api.billing.stripe.client import PAGE, Stripe
from api.billing.stripe.objects import (
    CheckoutSession,
    Invoice,
    InvoicePreview,
    PortalConfiguration,
    PortalSession,
    StripeCustomer,
    StripePrice,
    StripeSubscription,
    SubscriptionItem,
    SubscriptionSchedule,
)

PORTAL = ("kinora", "portal")
"""By which metadata the portal's configuration is known among others of the account."""


class Order(Struct, frozen=True, kw_only=True):
    """What a page to pay at is for. `id` is ours, and the key under which the page is made once."""

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
    about: dict[str, str] = {}

    @property
    def metadata(self) -> dict[str, str]:
        """What the page, and the subscription or the payment that comes of it, say of themselves."""
        return {"user": self.user_id, "checkout": self.id, **self.about}


# -- people -------------------------------------------------------------------------------------------------


async def customer(stripe: Stripe, user_id: str, email: str, *, instead_of: str | None = None) -> StripeCustomer:
    """The customer of a user, made if there is none; `instead_of` one that has been deleted.

    Whoever changes the address while the first answer is still unknown is refused for a day, because the same key
    would come with two addresses.
    """

    async def find() -> StripeCustomer | None:
        found = stripe.pages(lambda c: c.v1.customers.list_async({"email": email, "limit": PAGE}), StripeCustomer)
        ours = [one async for one in found if one.metadata.get("user") == user_id]
        return ours[0] if ours else None

    return await stripe.create_once(
        f"customer:{user_id}" + (f":{instead_of}" if instead_of else ""),
        find,
        lambda c, options: c.v1.customers.create_async({"email": email, "metadata": {"user": user_id}}, options),
        StripeCustomer,
    )


async def keep_up(stripe: Stripe, known: StripeCustomer, email: str, locale: str) -> StripeCustomer:
    """The customer with the address and the language that the user has now: bills are written to it and in it."""
    if known.email == email and known.preferred_locales == [locale]:
        return known
    return await stripe.ask(
        lambda c: c.v1.customers.update_async(known.id, {"email": email, "preferred_locales": [locale]}), StripeCustomer
    )


# -- pages --------------------------------------------------------------------------------------------------


async def subscription_page(stripe: Stripe, order: Order) -> CheckoutSession:
    """The page at which a subscription is begun. Its second item charges what the meter counts."""
    items: list[Any] = [{"price": order.price.id, "quantity": order.quantity}]
    items += [{"price": order.metered.id}] if order.metered else []
    data: dict[str, Any] = {"metadata": order.metadata}
    if order.trial_days:
        data |= {
            "trial_period_days": order.trial_days,
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        }
    return await _page(stripe, order, mode="subscription", line_items=items, subscription_data=data)


async def pack_page(stripe: Stripe, order: Order) -> CheckoutSession:
    """The page at which packs are bought."""
    items = [{"price": order.price.id, "quantity": order.quantity}]
    data = {"metadata": order.metadata}
    return await _page(stripe, order, mode="payment", line_items=items, payment_intent_data=data)


async def _page(stripe: Stripe, order: Order, **sold: Any) -> CheckoutSession:
    params: Any = {
        "customer": order.customer,
        "client_reference_id": order.user_id,
        "metadata": order.metadata,
        "locale": order.locale,
        "success_url": order.success_url,
        **({"cancel_url": order.cancel_url} if order.cancel_url else {}),
        **sold,
    }

    async def find() -> CheckoutSession | None:
        listed = {"customer": order.customer, "limit": PAGE}
        found = stripe.pages(lambda c: c.v1.checkout.sessions.list_async(listed), CheckoutSession)  # type: ignore[arg-type]
        ours = [one async for one in found if (one.metadata or {}).get("checkout") == order.id]
        return ours[0] if ours else None

    return await stripe.create_once(
        f"checkout:{order.id}",
        find,
        lambda c, options: c.v1.checkout.sessions.create_async(params, options),
        CheckoutSession,
    )


async def expire(stripe: Stripe, session_id: str) -> CheckoutSession:
    """Close a page, so that nobody pays there any more. Raises PaymentsRefused if it is closed already, or paid."""
    return await stripe.ask(lambda c: c.v1.checkout.sessions.expire_async(session_id), CheckoutSession)


async def portal(stripe: Stripe, customer_id: str, locale: str, return_url: str | None) -> PortalSession:
    """A page at which a customer sees invoices, enters another card and cancels. A second one does no harm."""
    ours = await portal_configuration(stripe)
    params: Any = {
        "customer": customer_id,
        "locale": locale,
        **({"return_url": return_url} if return_url else {}),
        **({"configuration": ours.id} if ours else {}),
    }
    return await stripe.ask(lambda c: c.v1.billing_portal.sessions.create_async(params), PortalSession)


async def portal_configuration(stripe: Stripe) -> PortalConfiguration | None:
    """The one that `kinora stripe sync` made."""
    name, value = PORTAL
    found = stripe.pages(
        lambda c: c.v1.billing_portal.configurations.list_async({"active": True, "limit": PAGE}), PortalConfiguration
    )
    ours = [one async for one in found if (one.metadata or {}).get(name) == value]
    return ours[0] if ours else None


# -- changes ------------------------------------------------------------------------------------------------


async def preview(
    stripe: Stripe, seen: StripeSubscription, item: SubscriptionItem, price: StripePrice, at: int
) -> InvoicePreview:
    """The invoice that would come of changing to a price, reckoned as of a time."""
    return await stripe.ask(
        lambda c: c.v1.invoices.create_preview_async(
            {
                "customer": seen.customer,
                "subscription": seen.id,
                "subscription_details": {
                    "items": [{"id": item.id, "price": price.id}],
                    "proration_behavior": "always_invoice",
                    "proration_date": at,
                },
            }
        ),
        InvoicePreview,
    )


async def upgrade(
    stripe: Stripe, seen: StripeSubscription, item: SubscriptionItem, price: StripePrice, at: int, key: str
) -> StripeSubscription:
    """Change to a price now and charge the difference. If that is not paid, the change waits as `pending_update`.

    `key` is the request's: asked again later, the bank may say something else.
    """

    async def find() -> StripeSubscription | None:
        now = await stripe.subscription(seen.id)
        changed = now.plan_item is not None and now.plan_item.price.id == price.id
        waits = now.pending_update is not None and now.latest_invoice != seen.latest_invoice
        return now if changed or waits else None

    return await stripe.create_once(
        f"upgrade:{seen.id}:{key}",
        find,
        lambda c, options: c.v1.subscriptions.update_async(
            seen.id,
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


async def withdraw(stripe: Stripe, invoice_id: str) -> Invoice:
    """Void an invoice nobody has paid, and with it the change that waits for it."""
    return await stripe.ask(lambda c: c.v1.invoices.void_invoice_async(invoice_id), Invoice)


async def end_with_period(stripe: Stripe, seen: StripeSubscription) -> StripeSubscription:
    """Let a subscription end with its period."""
    if seen.cancel_at_period_end:
        return seen
    return await stripe.ask(
        lambda c: c.v1.subscriptions.update_async(seen.id, {"cancel_at_period_end": True}), StripeSubscription
    )


async def go_on(stripe: Stripe, seen: StripeSubscription) -> StripeSubscription:
    """Let a subscription go on that was to end."""
    if seen.cancel_at is None and not seen.cancel_at_period_end:
        return seen
    change: Any = {"cancel_at_period_end": False} if seen.cancel_at_period_end else {"cancel_at": ""}
    return await stripe.ask(lambda c: c.v1.subscriptions.update_async(seen.id, change), StripeSubscription)


async def release(stripe: Stripe, schedule_id: str) -> SubscriptionSchedule:
    """Let a subscription be as it is, whatever was to come."""
    return await stripe.ask(lambda c: c.v1.subscription_schedules.release_async(schedule_id), SubscriptionSchedule)


async def schedule(
    stripe: Stripe, seen: StripeSubscription, item: SubscriptionItem, price: StripePrice
) -> SubscriptionSchedule:
    """Change to a price when the period ends.

    A schedule can only be made as a picture of the subscription and then be told what follows, so this takes two
    requests. Between them nothing is wrong: a picture alone changes nothing.
    """
    made = await _pictured(stripe, seen)
    now = made.phases[0]
    metered = [one for one in now.items if one.price != item.price.id]
    present: dict[str, Any] = {
        "start_date": now.start_date,
        "end_date": now.end_date,
        "items": [{"price": item.price.id, "quantity": 1}, *({"price": one.price} for one in metered)],
        "proration_behavior": "none",
        **({"trial_end": now.trial_end} if now.trial_end else {}),
    }
    later: dict[str, Any] = {
        "items": [{"price": price.id, "quantity": 1}, *({"price": one.price} for one in metered)],
        "duration": {"interval": "month", "interval_count": 1},
        "proration_behavior": "none",
    }
    phases: Any = [present, later]
    return await stripe.ask(
        lambda c: c.v1.subscription_schedules.update_async(
            made.id, {"phases": phases, "end_behavior": "release", "proration_behavior": "none"}
        ),
        SubscriptionSchedule,
    )


async def _pictured(stripe: Stripe, seen: StripeSubscription) -> SubscriptionSchedule:
    """The schedule that rules a subscription, made if none does.

    Its key names the one before it: a downgrade that was taken back and is asked for again makes another.
    """

    async def find() -> SubscriptionSchedule | None:
        now = await stripe.subscription(seen.id)
        return await stripe.schedule(now.schedule) if now.schedule else None

    found = stripe.pages(
        lambda c: c.v1.subscription_schedules.list_async({"customer": seen.customer, "limit": PAGE}),
        SubscriptionSchedule,
    )
    listed = [one async for one in found]
    ruling = next((one for one in listed if one.is_in_effect and one.subscription == seen.id), None)
    if ruling:
        return ruling
    return await stripe.create_once(
        f"schedule:{seen.id}:{listed[0].id if listed else 'first'}",
        find,
        lambda c, options: c.v1.subscription_schedules.create_async({"from_subscription": seen.id}, options),
        SubscriptionSchedule,
    )
