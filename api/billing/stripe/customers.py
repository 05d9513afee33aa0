"""Customers at Stripe and the portal in which they manage cards, invoices and subscriptions. Knows no database."""

from __future__ import annotations

from typing import Any

from api.billing.stripe.client import PAGE_SIZE, Stripe
from api.billing.stripe.objects import PortalConfiguration, PortalSession, StripeCustomer

PORTAL_MARK = ("kinora", "portal")
"""Metadata key and value that mark our portal configuration among others of the account."""


async def create_customer(stripe: Stripe, user_id: str, email: str, *, instead_of: str | None = None) -> StripeCustomer:
    """The customer of a user, created if there is none; `instead_of` the id of one that has been deleted.

    If the address changes while the first answer is still unknown, further tries are refused for a day, because the
    same idempotency key would come with two addresses.
    """

    async def find() -> StripeCustomer | None:
        customers = stripe.list_all(
            lambda c: c.v1.customers.list_async({"email": email, "limit": PAGE_SIZE}), StripeCustomer
        )
        ours = [customer async for customer in customers if customer.metadata.get("user") == user_id]
        return ours[0] if ours else None

    return await stripe.create_once(
        f"customer:{user_id}" + (f":{instead_of}" if instead_of else ""),
        find,
        lambda c, options: c.v1.customers.create_async({"email": email, "metadata": {"user": user_id}}, options),
        StripeCustomer,
    )


async def update_customer(stripe: Stripe, customer: StripeCustomer, email: str, locale: str) -> StripeCustomer:
    """The customer with the user's present address and language, to which and in which invoices are sent."""
    if customer.email == email and customer.preferred_locales == [locale]:
        return customer
    return await stripe.request(
        lambda c: c.v1.customers.update_async(customer.id, {"email": email, "preferred_locales": [locale]}),
        StripeCustomer,
    )


async def create_portal_session(stripe: Stripe, customer_id: str, locale: str, return_url: str | None) -> PortalSession:
    """A page on which a customer sees invoices, enters another card and cancels. A second one does no harm."""
    configuration = await find_portal_configuration(stripe)
    params: Any = {
        "customer": customer_id,
        "locale": locale,
        **({"return_url": return_url} if return_url else {}),
        **({"configuration": configuration.id} if configuration else {}),
    }
    return await stripe.request(lambda c: c.v1.billing_portal.sessions.create_async(params), PortalSession)


async def find_portal_configuration(stripe: Stripe) -> PortalConfiguration | None:
    """The portal configuration that `kinora stripe sync` made."""
    key, value = PORTAL_MARK
    configurations = stripe.list_all(
        lambda c: c.v1.billing_portal.configurations.list_async({"active": True, "limit": PAGE_SIZE}),
        PortalConfiguration,
    )
    ours = [configuration async for configuration in configurations if (configuration.metadata or {}).get(key) == value]
    return ours[0] if ours else None
