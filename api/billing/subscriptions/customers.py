"""Who a user is at Stripe: one customer for each, made when something is first bought, kept up when needed."""

from __future__ import annotations

from msgspec import Struct

from api.billing.stripe import checkout_sessions
from api.billing.stripe.client import Stripe, if_there
from api.billing.stripe.objects import StripeCustomer
from api.errors import NotFound, PaymentsRefused
from api.sql import subscriptions, users
from api.sql.connection import Pool, transaction


class Buyer(Struct, frozen=True):
    """Somebody who buys; `trialled` whether a trial was had."""

    user_id: str
    customer: str
    locale: str
    trialled: bool


async def prepare_buyer(pool: Pool, stripe: Stripe, user_id: str) -> Buyer:
    """The user as a customer, with the address and the language of today. Raises what Stripe raises."""
    known = await _load_user(pool, user_id)
    found = await _retrieve_customer(pool, stripe, user_id, known.stripe_customer) if known.stripe_customer else None
    if found is None or found.deleted:
        found = await checkout_sessions.customer(stripe, user_id, known.email, instead_of=known.stripe_customer)
        async with transaction(pool) as db:
            await users.set_customer(db, user_id, old=known.stripe_customer, new=found.id)
    await checkout_sessions.keep_up(stripe, found, known.email, known.locale)
    return Buyer(user_id, found.id, known.locale, known.trialled)


async def _retrieve_customer(pool: Pool, stripe: Stripe, user_id: str, name: str) -> StripeCustomer | None:
    """The customer; None where the account that sells now never had them, as after a time with the stand-in.

    Raises PaymentsRefused for somebody who has a subscription at the other account: the key may be the wrong one, and
    nobody is to subscribe twice because of that.
    """
    if found := await if_there(stripe.customer(name)):
        return found
    async with pool.acquire() as db:
        held = await subscriptions.find_displayed(db, user_id)
    if held:
        raise PaymentsRefused(
            f"{user_id} has the subscription {held.id} at another account of Stripe's than KINORA_STRIPE_KEY is of: set"
            " the right key, or, if that account is gone, set the subscription's status to `canceled` in the table"
            " subscriptions and the user's plan to `free`."
        )
    return None


async def _load_user(pool: Pool, user_id: str) -> users.Customer:
    async with pool.acquire() as db:
        known = await users.customer(db, user_id)
    if known is None:
        raise NotFound
    return known
