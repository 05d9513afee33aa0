"""The effect of a paid or failed invoice on the subscription it bills."""

from __future__ import annotations

from api.fakes.stripe.account import PRIVATE, StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import cancellation, invoice_objects, invoices, periods, subscription_items

RETRY_OUTCOME_SETTING = "settings.after_retries"
"""Setting: the status of a subscription after its last failed retry (canceled, unpaid or past_due)."""


def record_paid(account: StripeAccount, invoice: Json) -> None:
    """Apply the update that waited for the payment, and make an overdue subscription active."""
    subscription = _live_subscription(account, invoice)
    if subscription is None:
        return
    if subscription["pending_update"] is not None and subscription[PRIVATE]["invoice"] == invoice["id"]:
        _apply_pending_update(account, subscription)
    if subscription["status"] == "incomplete" or (
        subscription["status"] in ("past_due", "unpaid") and _is_up_to_date(account, subscription, invoice)
    ):
        subscription["status"] = "active"
        account.due_actions.cancel("expire_incomplete", subscription["id"])
    account.update_object(subscription, "customer.subscription.updated")


def record_failed(account: StripeAccount, invoice: Json) -> None:
    """Schedule a retry, or after the last one end the subscription or change its status."""
    subscription = _live_subscription(account, invoice)
    is_pending = subscription is not None and subscription["pending_update"] is not None
    is_pending = is_pending and (subscription or {}).get(PRIVATE, {}).get("invoice") == invoice["id"]
    may_retry = (
        subscription is not None and not is_pending and subscription["status"] in ("active", "trialing", "past_due")
    )
    if invoices.record_failed_attempt(account, invoice, may_retry=may_retry) or not may_retry or subscription is None:
        if may_retry and subscription is not None:
            _set_status(account, subscription, "past_due")
        return
    outcome = account.store.get_setting(RETRY_OUTCOME_SETTING) or "canceled"
    if outcome == "canceled":
        cancellation.end_subscription(account, subscription, reason="payment_failed", invoice_now=False)
    else:
        _set_status(account, subscription, outcome)


def defer_update(account: StripeAccount, subscription: Json, invoice: Json, items: list[Json], expires_at: int) -> None:
    """Keep an update pending until its invoice is paid."""
    subscription["pending_update"] = {
        "billing_cycle_anchor": None,
        "cancel_at_period_end": None,
        "discount": None,
        "discounts": None,
        "expires_at": expires_at,
        "metadata": None,
        "subscription_items": items,
        "trial_end": None,
        "trial_from_plan": None,
    }
    subscription[PRIVATE] = {"invoice": invoice["id"]}
    account.due_actions.schedule("expire_pending", subscription["id"], expires_at)


def expire_pending_update(account: StripeAccount, subscription_id: str) -> None:
    """Drop an update that was not paid in time and void its invoice."""
    subscription = account.require_object("subscription", subscription_id)
    if subscription["pending_update"] is None:
        return
    invoice = account.require_object("invoice", subscription[PRIVATE]["invoice"])
    _clear_pending_update(account, subscription)
    account.update_object(subscription, "customer.subscription.pending_update_expired")
    account.emit_event("customer.subscription.updated", subscription)
    invoices.void_invoice(account, invoice)


def drop_pending_update(account: StripeAccount, subscription: Json) -> None:
    """Drop the pending update because another one replaces it."""
    if subscription["pending_update"] is not None:
        invoice = account.require_object("invoice", subscription[PRIVATE]["invoice"])
        _clear_pending_update(account, subscription)
        invoices.void_invoice(account, invoice)


def record_voided(account: StripeAccount, invoice: Json) -> None:
    """Drop the update that waited for the invoice."""
    subscription = _live_subscription(account, invoice)
    if subscription is not None and subscription.get(PRIVATE, {}).get("invoice") == invoice["id"]:
        previous = subscription["pending_update"]
        _clear_pending_update(account, subscription)
        account.update_object(subscription)
        account.emit_event("customer.subscription.updated", subscription, {"pending_update": previous})


def expire_incomplete(account: StripeAccount, subscription_id: str) -> None:
    """Expire a subscription whose first invoice was not paid in time."""
    subscription = account.require_object("subscription", subscription_id)
    if subscription["status"] == "incomplete":
        invoice = account.require_object("invoice", subscription["latest_invoice"])
        cancellation.end_subscription(
            account, subscription, status="incomplete_expired", reason=None, invoice_now=False
        )
        invoices.void_invoice(account, account.require_object("invoice", invoice["id"]))


def apply_unpaid_update(account: StripeAccount, subscription: Json) -> Json:
    """Apply the pending update although it is not paid; the subscription becomes past due."""
    invoice = account.require_object("invoice", subscription[PRIVATE]["invoice"])
    _apply_pending_update(account, subscription)
    if invoices.schedule_retry(account, invoice):
        _set_status(account, subscription, "past_due")
    return subscription


def _apply_pending_update(account: StripeAccount, subscription: Json) -> None:
    previous = subscription["items"]
    subscription_items.set_items(subscription, subscription["pending_update"]["subscription_items"])
    end = subscription[PRIVATE].get("trial_over")
    if end:
        subscription |= {"trial_end": end, "billing_cycle_anchor": end, "status": "active"}
        period_end = periods.period_end(subscription["items"]["data"][0]["price"], end)
        subscription_items.start_period(subscription, end, period_end)
        account.due_actions.schedule("cycle", subscription["id"], period_end)
        account.due_actions.cancel("trial_ends", subscription["id"])
    was_deferred = subscription[PRIVATE].get("waited")
    _clear_pending_update(account, subscription)
    if was_deferred:
        account.emit_event("customer.subscription.pending_update_applied", subscription)
    account.update_object(subscription)
    account.emit_event("customer.subscription.updated", subscription, {"items": previous})


def _clear_pending_update(account: StripeAccount, subscription: Json) -> None:
    subscription["pending_update"] = None
    subscription.pop(PRIVATE, None)
    account.due_actions.cancel("expire_pending", subscription["id"])


def _live_subscription(account: StripeAccount, invoice: Json) -> Json | None:
    subscription_id = invoice_objects.billed_subscription(invoice)
    subscription = account.store.get_object("subscription", subscription_id) if subscription_id else None
    return None if subscription is None or subscription["status"] in cancellation.ENDED_STATUSES else subscription


def _is_up_to_date(account: StripeAccount, subscription: Json, invoice: Json) -> bool:
    """Whether this is the newest invoice or no other is open."""
    where = {"parent.subscription_details.subscription": subscription["id"], "status": "open"}
    return invoice["id"] == subscription["latest_invoice"] or not account.store.find_objects("invoice", where, limit=1)


def _set_status(account: StripeAccount, subscription: Json, status: str) -> None:
    subscription["status"] = status
    account.update_object(subscription, "customer.subscription.updated")
