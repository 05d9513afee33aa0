"""Plan changes: an upgrade now for the previewed price, a downgrade when the period ends, and taking either back.

Stripe's state decides, not our rows, and the subscription is locked until the change is written down.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from api import ids
from api.billing.stripe import lookup_keys, reads
from api.billing.stripe.client import Stripe
from api.billing.stripe.invoice_objects import Invoice
from api.billing.stripe.locks import ObjectBusyError, lock_object
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.stripe.objects import StripePrice, StripeSubscription, SubscriptionItem
from api.billing.stripe.subscriptions import (
    cancel_at_period_end,
    preview_change,
    release_schedule,
    resume_subscription,
    schedule_change,
    upgrade_now,
    void_invoice,
)
from api.billing.subscriptions import invoice_credits
from api.billing.subscriptions.checkout_pages import EXCLUSIVE
from api.billing.subscriptions.sync import sync_subscription
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import FREE, Tariff
from api.errors import CardDeclined, Invalid, NotSubscribed, PreviewExpired, RequestInProgress
from api.schemas.billing import Subscription, SubscriptionChange, SubscriptionPreview
from api.schemas.common import unix_seconds
from api.sql import subscriptions, users
from api.sql.connection import Pool

PREVIEW_LIFETIME = 3600
"""Seconds for which a previewed price may be taken."""
CLOCK_SKEW = 60
"""Seconds by which the clock that dated a preview may be ahead of ours."""
CONCURRENT_CHANGES = 3
"""Changes under way at once in one process: each keeps a database connection while Stripe takes its time."""


class SubscriptionChanges:
    """Returns, previews and changes subscriptions."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff, prices: PriceCatalog) -> None:
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._prices = prices
        self._slots = asyncio.Semaphore(CONCURRENT_CHANGES)

    async def get_subscription(self, user_id: str) -> Subscription:
        """The user's subscription as it was last written down; only the plan if there is none."""
        async with self._pool.acquire() as db:
            row = await subscriptions.find_displayed(db, user_id)
            user = await users.find_user(db, user_id)
        if row is None:
            return Subscription(plan=user.plan if user else FREE)
        return Subscription(
            plan=row.plan,
            version=row.version,
            status=row.status,
            current_period_start=_unix_time(row.period_start),
            current_period_end=_unix_time(row.period_end),
            trial_end=_unix_time(row.trial_end),
            cancel_at=_unix_time(row.cancel_at),
            next_plan=row.next_plan,
        )

    # -- preview ------------------------------------------------------------------------------------------------

    async def preview_change(self, user_id: str, name: str) -> SubscriptionPreview:
        """Cost, credits and time of a change. Raises NotSubscribed, and CardDeclined while an invoice is unpaid."""
        subscription = await self._find_subscription(user_id)
        item, current = self._current_plan(subscription)
        plan, at = self._find_plan(name, current), int(time.time())
        if plan.amount <= current.amount:
            effective_at = at if plan == current else item.current_period_end
            return self._preview_response(plan, effective_at=effective_at, amount_due=0, credits=0)
        _require_paid(subscription)
        if subscription.status == "trialing":  # nothing is paid before its end, and its credits are granted already
            return self._preview_response(plan, effective_at=at, amount_due=0, credits=0, proration_date=at)
        invoice = await preview_change(self._stripe, subscription, item, await self._price_of(plan), at)
        plans = await lookup_keys.plans_of_lines(self._stripe, self._tariff, invoice.lines.data)
        grants = invoice_credits.compute_grants(invoice.lines.data, plans, subscription.id)
        credits = sum(grant.credits for grant in grants)
        return self._preview_response(
            plan, effective_at=at, amount_due=invoice.amount_due, credits=credits, proration_date=at
        )

    def _preview_response(
        self, plan: TariffPlan, *, effective_at: int, amount_due: int, credits: int, proration_date: int | None = None
    ) -> SubscriptionPreview:
        return SubscriptionPreview(
            plan=plan.name,
            version=plan.version,
            effective_at=effective_at,
            amount_due=amount_due,
            currency=self._tariff.currency,
            credits=credits,
            monthly_amount=plan.amount,
            monthly_credits=plan.monthly_credits,
            proration_date=proration_date,
        )

    # -- change -------------------------------------------------------------------------------------------------

    async def change_plan(self, user_id: str, request: SubscriptionChange) -> Subscription:
        """Change to a plan: now if it costs more, at the period's end if less. The current plan takes back a scheduled
        change. Raises NotSubscribed, PreviewExpired, and CardDeclined when an upgrade is not paid.
        """
        at = _proration_time(request.proration_date)
        subscription_id = (await self._find_subscription(user_id)).id
        try:
            async with self._slots, lock_object(self._pool, "subscription", subscription_id):
                subscription = await reads.retrieve_subscription(self._stripe, subscription_id)
                await self._apply_change(subscription, request.plan, at)
            await sync_subscription(self._pool, self._stripe, self._tariff, subscription_id)
        except ObjectBusyError as error:
            detail = "The subscription is being changed. Ask again in a moment."
            raise RequestInProgress(detail, headers={"Retry-After": "2"}) from error
        return await self.get_subscription(user_id)

    async def _apply_change(self, subscription: StripeSubscription, name: str, at: int) -> None:
        item, current = self._current_plan(subscription)
        plan = self._find_plan(name, current)
        if plan.amount > current.amount:
            await self._upgrade_now(subscription, item, plan, at)
            return
        await self._void_pending_change(subscription)
        if plan == current:
            await self._cancel_scheduled_change(subscription)
            await resume_subscription(self._stripe, subscription)
        elif plan.amount:
            await resume_subscription(self._stripe, subscription)
            await schedule_change(self._stripe, subscription, item, await self._price_of(plan))
        else:
            await self._cancel_scheduled_change(subscription)
            await cancel_at_period_end(self._stripe, subscription)

    async def _upgrade_now(
        self, subscription: StripeSubscription, item: SubscriptionItem, plan: TariffPlan, at: int
    ) -> None:
        """Charge and change now. A change scheduled for the period's end is dropped: a user who upgrades stays."""
        _require_paid(subscription)
        if at < item.current_period_start:
            raise PreviewExpired("A new period has begun since. Ask for the price again.")
        price = await self._price_of(plan)
        await self._cancel_scheduled_change(subscription)
        changed = await upgrade_now(self._stripe, subscription, item, price, at, ids.new_id("change"))
        if changed.pending_update:
            await self._raise_declined(changed)
        await resume_subscription(self._stripe, changed)

    async def _void_pending_change(self, subscription: StripeSubscription) -> None:
        """Give up a change that waits for its payment."""
        if subscription.pending_update and subscription.latest_invoice:
            await void_invoice(self._stripe, subscription.latest_invoice)

    async def _cancel_scheduled_change(self, subscription: StripeSubscription) -> None:
        schedule_id = subscription.schedule
        if schedule_id and (await reads.retrieve_schedule(self._stripe, schedule_id)).is_in_effect:
            await release_schedule(self._stripe, schedule_id)

    async def _raise_declined(self, changed: StripeSubscription) -> None:
        """Raise CardDeclined with the bank's reason. The change waits for a day, in which the invoice may be paid."""
        invoice_id = changed.latest_invoice
        invoice = await reads.retrieve_invoice(self._stripe, invoice_id) if invoice_id else None
        payment_id = _first_payment(invoice) if invoice else None
        payment = await reads.retrieve_payment_intent(self._stripe, payment_id) if payment_id else None
        failure = payment.last_payment_error if payment else None
        raise CardDeclined(
            f"{failure.message if failure and failure.message else 'The bank has not paid.'} The plan stays as it was"
            " unless the bill at `invoice` is paid within a day.",
            reason=(failure.decline_code or failure.code) if failure else None,
            invoice=invoice.hosted_invoice_url if invoice else None,
        )

    # -- lookups ------------------------------------------------------------------------------------------------

    async def _find_subscription(self, user_id: str) -> StripeSubscription:
        """The user's subscription at Stripe: of several, the one that began first."""
        async with self._pool.acquire() as db:
            user = await users.find_customer(db, user_id)
        customer_id = user.stripe_customer if user else None
        listed = await reads.list_subscriptions(self._stripe, customer_id) if customer_id else []
        holding = [subscription for subscription in listed if subscription.status in EXCLUSIVE]
        if not holding:
            raise NotSubscribed("POST /v1/billing/checkout begins a subscription.")
        return min(holding, key=lambda subscription: (subscription.created, subscription.id))

    def _current_plan(self, subscription: StripeSubscription) -> tuple[SubscriptionItem, TariffPlan]:
        item = subscription.plan_item
        plan = lookup_keys.find_plan_of_price(self._tariff, item.price) if item else None
        if item is None or plan is None:
            raise NotSubscribed("The subscription is for none of the plans sold here.")
        return item, plan

    def _find_plan(self, name: str, current: TariffPlan) -> TariffPlan:
        """The plan of this name: the current one in the version that was bought, others in the newest."""
        offered = {plan.name: plan for plan in self._tariff.offered_plans() if plan.amount or plan.name == FREE}
        plan = (offered | {current.name: current}).get(name)
        if plan is None:
            raise Invalid(f"`plan` takes one of {', '.join(offered)}.", param="plan")
        return plan

    async def _price_of(self, plan: TariffPlan) -> StripePrice:
        [price] = await self._prices.find_prices(lookup_keys.plan_key(plan))
        return price


def _first_payment(invoice: Invoice) -> str | None:
    """Id of the payment intent that was tried first for an invoice."""
    payments = invoice.payments.data if invoice.payments else []
    return payments[0].payment.payment_intent if payments else None


def _require_paid(subscription: StripeSubscription) -> None:
    """Raise CardDeclined for a subscription whose last invoice is unpaid: no new one before that."""
    if subscription.status in ("past_due", "unpaid"):
        raise CardDeclined("The last payment did not go through, so the plan cannot change now.")


def _proration_time(previewed: int | None) -> int:
    """Unix time as of which a change is prorated: that of the preview, while it is young enough."""
    now = int(time.time())
    if previewed is None:
        return now
    if not now - PREVIEW_LIFETIME <= previewed <= now + CLOCK_SKEW:
        detail = "A price holds for an hour. POST /v1/billing/subscription/preview shows it again."
        raise PreviewExpired(detail, param="proration_date")
    return previewed


def _unix_time(time: datetime | None) -> int | None:
    return unix_seconds(time) if time else None
