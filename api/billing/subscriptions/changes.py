"""Changing a subscription: dearer at once for the price that was shown, cheaper when the period ends, and back.

What Stripe shows decides, not our rows, and the subscription is in one pair of hands until the change is written down.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from api import ids
from api.billing.stripe import checkout_sessions, lookup_keys, plan_of_price
from api.billing.stripe.client import Stripe
from api.billing.stripe.locks import ObjectBusyError, lock_object
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.stripe.objects import InvoicePreview, StripeSubscription, SubscriptionItem
from api.billing.subscriptions import invoice_credits
from api.billing.subscriptions.checkout_pages import HOLDS
from api.billing.subscriptions.sync import sync_subscription
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import FREE, Tariff
from api.errors import CardDeclined, Invalid, NotSubscribed, PreviewTooOld, StillRunning
from api.schemas.billing import Subscription as Shown
from api.schemas.billing import SubscriptionChange, SubscriptionPreview
from api.sql import subscriptions, users
from api.sql.connection import Pool

PREVIEW_HOLDS = 3600
"""Seconds for which a price that was shown may be taken."""
CLOCKS_APART = 60
"""Seconds by which the clock that dated a preview may be ahead of ours."""
HANDS = 3
"""Changes under way at once in one process: each keeps a connection while Stripe takes its time."""


class SubscriptionChanges:
    """Shows and changes subscriptions."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff, prices: PriceCatalog) -> None:
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._prices = prices
        self._hands = asyncio.Semaphore(HANDS)

    async def get_subscription(self, user_id: str) -> Shown:
        """The subscription of a user, as it was last written down; only the plan if there is none."""
        async with self._pool.acquire() as db:
            row = await subscriptions.find_displayed(db, user_id)
            user = await users.find(db, user_id)
        if row is None:
            return Shown(plan=user.plan if user else FREE)
        return Shown(
            plan=row.plan,
            version=row.version,
            status=row.status,
            current_period_start=_unix_time(row.period_start),
            current_period_end=_unix_time(row.period_end),
            trial_end=_unix_time(row.trial_end),
            cancel_at=_unix_time(row.cancel_at),
            next_plan=row.next_plan,
        )

    async def preview_change(self, user_id: str, name: str) -> SubscriptionPreview:
        """What a change would cost, bring, and when. Raises NotSubscribed, and CardDeclined for somebody in debt."""
        seen = await self._find_subscription(user_id)
        item, present = self._current_plan(seen)
        plan, at = self._find_plan(name, present), int(time.time())
        if plan.amount <= present.amount:
            when = at if plan == present else item.current_period_end
            return self._preview_response(plan, effective_at=when, amount_due=0, credits=0)
        _require_paid(seen)
        if seen.status == "trialing":  # nothing is paid before its end, and what it brings has come
            return self._preview_response(plan, effective_at=at, amount_due=0, credits=0, proration_date=at)
        [price] = await self._prices.find_prices(lookup_keys.plan_key(plan))
        reckoned = await checkout_sessions.preview(self._stripe, seen, item, price, at)
        credits = await self._sum_invoice_credits(reckoned, seen)
        return self._preview_response(
            plan, effective_at=at, amount_due=reckoned.amount_due, credits=credits, proration_date=at
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

    async def _sum_invoice_credits(self, reckoned: InvoicePreview, seen: StripeSubscription) -> int:
        """The credits that the invoice would grant, by the rule by which it is applied once paid."""
        names = sorted({line.price_id for line in reckoned.lines.data if line.price_id})
        plans = {name: plan_of_price.plan(self._tariff, await self._stripe.price(name)) for name in names}
        known = {name: plan for name, plan in plans.items() if plan}
        return sum(grant.credits for grant in invoice_credits.compute_grants(reckoned.lines.data, known, seen.id))

    async def change_plan(self, user_id: str, asked: SubscriptionChange) -> Shown:
        """Change to a plan: now if it costs more, at the period's end if less. The present plan takes back what was
        to come. Raises NotSubscribed, PreviewTooOld, and CardDeclined when a change now is not paid.
        """
        at = _proration_time(asked.proration_date)
        seen = await self._find_subscription(user_id)
        try:
            async with self._hands, lock_object(self._pool, "subscription", seen.id):
                await self._apply_change(await self._stripe.subscription(seen.id), asked.plan, at)
            await sync_subscription(self._pool, self._stripe, self._tariff, seen.id)
        except ObjectBusyError as error:
            detail = "The subscription is being changed. Ask again in a moment."
            raise StillRunning(detail, headers={"Retry-After": "2"}) from error
        return await self.get_subscription(user_id)

    async def _apply_change(self, seen: StripeSubscription, name: str, at: int) -> None:
        item, present = self._current_plan(seen)
        plan = self._find_plan(name, present)
        if plan.amount > present.amount:
            await self._upgrade_now(seen, item, plan, at)
            return
        await self._void_pending_change(seen)
        if plan == present:
            await self._cancel_scheduled_change(seen)
            await checkout_sessions.go_on(self._stripe, seen)
        elif plan.amount:
            await checkout_sessions.go_on(self._stripe, seen)
            [price] = await self._prices.find_prices(lookup_keys.plan_key(plan))
            await checkout_sessions.schedule(self._stripe, seen, item, price)
        else:
            await self._cancel_scheduled_change(seen)
            await checkout_sessions.end_with_period(self._stripe, seen)

    async def _upgrade_now(self, seen: StripeSubscription, item: SubscriptionItem, plan: TariffPlan, at: int) -> None:
        """Charge and change now. What was to come at the period's end is off then: whoever pays more is staying."""
        _require_paid(seen)
        if at < item.current_period_start:
            raise PreviewTooOld("A new period has begun since. Ask for the price again.")
        [price] = await self._prices.find_prices(lookup_keys.plan_key(plan))
        await self._cancel_scheduled_change(seen)
        changed = await checkout_sessions.upgrade(self._stripe, seen, item, price, at, ids.new("change"))
        if changed.pending_update:
            await self._raise_declined(changed)
        await checkout_sessions.go_on(self._stripe, changed)

    async def _void_pending_change(self, seen: StripeSubscription) -> None:
        """Give up a change that waits for its payment."""
        if seen.pending_update and seen.latest_invoice:
            await checkout_sessions.withdraw(self._stripe, seen.latest_invoice)

    async def _cancel_scheduled_change(self, seen: StripeSubscription) -> None:
        """Take back a change that was to come."""
        if seen.schedule and (await self._stripe.schedule(seen.schedule)).is_in_effect:
            await checkout_sessions.release(self._stripe, seen.schedule)

    async def _raise_declined(self, changed: StripeSubscription) -> None:
        """Say why a change was not paid. It waits for a day: whoever pays the bill after all has it then."""
        invoice = await self._stripe.invoice(changed.latest_invoice) if changed.latest_invoice else None
        tried = [one.payment.payment_intent for one in (invoice.payments.data if invoice and invoice.payments else [])]
        payment = await self._stripe.payment(tried[0]) if tried and tried[0] else None
        failure = payment.last_payment_error if payment else None
        raise CardDeclined(
            f"{failure.message if failure and failure.message else 'The bank has not paid.'} The plan stays as it was"
            " unless the bill at `invoice` is paid within a day.",
            reason=(failure.decline_code or failure.code) if failure else None,
            invoice=invoice.hosted_invoice_url if invoice else None,
        )

    async def _find_subscription(self, user_id: str) -> StripeSubscription:
        """The subscription that a user has at Stripe: of several, the one that began first."""
        async with self._pool.acquire() as db:
            known = await users.customer(db, user_id)
        had = await self._stripe.subscriptions(known.stripe_customer) if known and known.stripe_customer else []
        holding = [one for one in had if one.status in HOLDS]
        if not holding:
            raise NotSubscribed("POST /v1/billing/checkout begins a subscription.")
        return min(holding, key=lambda one: (one.created, one.id))

    def _current_plan(self, seen: StripeSubscription) -> tuple[SubscriptionItem, TariffPlan]:
        item = seen.plan_item
        plan = plan_of_price.plan(self._tariff, item.price) if item else None
        if item is None or plan is None:
            raise NotSubscribed("The subscription is for none of the plans sold here.")
        return item, plan

    def _find_plan(self, name: str, present: TariffPlan) -> TariffPlan:
        """The plan of this name: the present one in the version that was bought, others in the newest."""
        sold = {plan.name: plan for plan in self._tariff.offered_plans() if plan.amount or plan.name == FREE}
        plan = (sold | {present.name: present}).get(name)
        if plan is None:
            raise Invalid(f"`plan` takes one of {', '.join(sold)}.", param="plan")
        return plan


def _require_paid(seen: StripeSubscription) -> None:
    """Raise CardDeclined for a subscription whose last bill is not paid: no new one before that."""
    if seen.status in ("past_due", "unpaid"):
        raise CardDeclined("The last payment did not go through, so the plan cannot change now.")


def _proration_time(asked: int | None) -> int:
    """The time as of which a change is reckoned: that of the preview, while it is young enough."""
    now = int(time.time())
    if asked is None:
        return now
    if not now - PREVIEW_HOLDS <= asked <= now + CLOCKS_APART:
        detail = "A price holds for an hour. POST /v1/billing/subscription/preview shows it again."
        raise PreviewTooOld(detail, param="proration_date")
    return asked


def _unix_time(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None
