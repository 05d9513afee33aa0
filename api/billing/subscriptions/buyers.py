"""Buyers: a user's customer at Stripe, created when something is first bought and brought up to date when needed."""

from __future__ import annotations

from msgspec import Struct

from api.billing.stripe import customers, reads
from api.billing.stripe.client import Stripe, none_if_missing
from api.billing.stripe.objects import StripeCustomer
from api.errors import NotFound, PaymentRequestRejected
from api.sql import subscriptions, users
from api.sql.connection import Pool, transaction


class Buyer(Struct, frozen=True):
    """A user with their customer id at Stripe; `trialled` is true once they have had a trial."""

    user_id: str
    customer: str
    locale: str
    trialled: bool


async def prepare_buyer(pool: Pool, stripe: Stripe, user_id: str) -> Buyer:
    """The user as a customer, with the present address and language. Raises what Stripe raises."""
    user = await _load_user(pool, user_id)
    old_id = user.stripe_customer
    customer = await _retrieve_customer(pool, stripe, user_id, old_id) if old_id else None
    if customer is None or customer.deleted:
        customer = await customers.create_customer(stripe, user_id, user.email, instead_of=old_id)
        async with transaction(pool) as db:
            await users.set_customer(db, user_id, old=old_id, new=customer.id)
    await customers.update_customer(stripe, customer, user.email, user.locale)
    return Buyer(user_id, customer.id, user.locale, user.trialled)


async def _retrieve_customer(pool: Pool, stripe: Stripe, user_id: str, customer_id: str) -> StripeCustomer | None:
    """The customer; None where the account that sells now never had them, as after a time with the local fake.

    Raises PaymentRequestRejected for a user who has a subscription at the other account: the key may be the wrong
    one, and must not lead to a second subscription.
    """
    if customer := await none_if_missing(reads.retrieve_customer(stripe, customer_id)):
        return customer
    async with pool.acquire() as db:
        subscription = await subscriptions.find_displayed(db, user_id)
    if subscription:
        raise PaymentRequestRejected(
            f"{user_id} has the subscription {subscription.id} at another account of Stripe's than KINORA_STRIPE_KEY"
            " is of: set the right key, or, if that account is gone, set the subscription's status to `canceled` in the"
            " table subscriptions and the user's plan to `free`."
        )
    return None


async def _load_user(pool: Pool, user_id: str) -> users.Customer:
    async with pool.acquire() as db:
        user = await users.find_customer(db, user_id)
    if user is None:
        raise NotFound
    return user
