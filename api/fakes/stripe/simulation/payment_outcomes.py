"""What the payment of an invoice, or its failure, makes of the subscription it bills."""

from __future__ import annotations

from api.fakes.stripe.account import PRIVATE, StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import cancellation, invoice_objects, invoices, periods, subscription_items

RETRY_OUTCOME_SETTING = "settings.after_retries"
"""A note: what becomes of a subscription whose last retry failed: canceled, unpaid or past_due."""


def record_paid(world: StripeAccount, invoice: Json) -> None:
    """Money came: a change that waited for it is made, and what was behind is up to date again."""
    subscription = _live_subscription(world, invoice)
    if subscription is None:
        return
    if subscription["pending_update"] is not None and subscription[PRIVATE]["invoice"] == invoice["id"]:
        _apply_pending_update(world, subscription)
    if subscription["status"] == "incomplete" or (
        subscription["status"] in ("past_due", "unpaid") and _is_up_to_date(world, subscription, invoice)
    ):
        subscription["status"] = "active"
        world.due_actions.cancel("expire_incomplete", subscription["id"])
    world.update_object(subscription, "customer.subscription.updated")


def record_failed(world: StripeAccount, invoice: Json) -> None:
    """Money did not come: it is tried again, until it has been tried often enough."""
    subscription = _live_subscription(world, invoice)
    waits = subscription is not None and subscription["pending_update"] is not None
    waits = waits and (subscription or {}).get(PRIVATE, {}).get("invoice") == invoice["id"]
    again = subscription is not None and not waits and subscription["status"] in ("active", "trialing", "past_due")
    if invoices.record_failed_attempt(world, invoice, again=again) or not again or subscription is None:
        if again and subscription is not None:
            _set_status(world, subscription, "past_due")
        return
    fate = world.store.get_setting(RETRY_OUTCOME_SETTING) or "canceled"
    if fate == "canceled":
        cancellation.end_subscription(world, subscription, reason="payment_failed", invoice_now=False)
    else:
        _set_status(world, subscription, fate)


def defer_update(world: StripeAccount, subscription: Json, invoice: Json, rows: list[Json], until: int) -> None:
    """Keep a change until its invoice is paid."""
    subscription["pending_update"] = {
        "billing_cycle_anchor": None,
        "cancel_at_period_end": None,
        "discount": None,
        "discounts": None,
        "expires_at": until,
        "metadata": None,
        "subscription_items": rows,
        "trial_end": None,
        "trial_from_plan": None,
    }
    subscription[PRIVATE] = {"invoice": invoice["id"]}
    world.due_actions.schedule("expire_pending", subscription["id"], until)


def expire_pending_update(world: StripeAccount, ident: str) -> None:
    """Nobody paid for the change in time: it is not made."""
    subscription = world.require_object("subscription", ident)
    if subscription["pending_update"] is None:
        return
    invoice = world.require_object("invoice", subscription[PRIVATE]["invoice"])
    _clear_pending_update(world, subscription)
    world.update_object(subscription, "customer.subscription.pending_update_expired")
    world.emit_event("customer.subscription.updated", subscription)
    invoices.void_invoice(world, invoice)


def drop_pending_update(world: StripeAccount, subscription: Json) -> None:
    """Another change comes instead of the one that waits."""
    if subscription["pending_update"] is not None:
        invoice = world.require_object("invoice", subscription[PRIVATE]["invoice"])
        _clear_pending_update(world, subscription)
        invoices.void_invoice(world, invoice)


def record_voided(world: StripeAccount, invoice: Json) -> None:
    """Nobody will pay any more: a change that waited for it is given up."""
    subscription = _live_subscription(world, invoice)
    if subscription is not None and subscription.get(PRIVATE, {}).get("invoice") == invoice["id"]:
        was = subscription["pending_update"]
        _clear_pending_update(world, subscription)
        world.update_object(subscription)
        world.emit_event("customer.subscription.updated", subscription, {"pending_update": was})


def expire_incomplete(world: StripeAccount, ident: str) -> None:
    """Nobody paid the first invoice in time."""
    subscription = world.require_object("subscription", ident)
    if subscription["status"] == "incomplete":
        invoice = world.require_object("invoice", subscription["latest_invoice"])
        cancellation.end_subscription(world, subscription, status="incomplete_expired", reason=None, invoice_now=False)
        invoices.void_invoice(world, world.require_object("invoice", invoice["id"]))


def apply_unpaid_update(world: StripeAccount, subscription: Json) -> Json:
    """Make the change that waits although it is not paid: the subscription is behind from now on."""
    invoice = world.require_object("invoice", subscription[PRIVATE]["invoice"])
    _apply_pending_update(world, subscription)
    if invoices.schedule_retry(world, invoice):
        _set_status(world, subscription, "past_due")
    return subscription


def _apply_pending_update(world: StripeAccount, subscription: Json) -> None:
    was = subscription["items"]
    subscription_items.set_items(subscription, subscription["pending_update"]["subscription_items"])
    end = subscription[PRIVATE].get("trial_over")
    if end:
        subscription |= {"trial_end": end, "billing_cycle_anchor": end, "status": "active"}
        until = periods.period_end(subscription["items"]["data"][0]["price"], end)
        subscription_items.start_period(subscription, end, until)
        world.due_actions.schedule("cycle", subscription["id"], until)
        world.due_actions.cancel("trial_ends", subscription["id"])
    waited = subscription[PRIVATE].get("waited")
    _clear_pending_update(world, subscription)
    if waited:
        world.emit_event("customer.subscription.pending_update_applied", subscription)
    world.update_object(subscription)
    world.emit_event("customer.subscription.updated", subscription, {"items": was})


def _clear_pending_update(world: StripeAccount, subscription: Json) -> None:
    subscription["pending_update"] = None
    subscription.pop(PRIVATE, None)
    world.due_actions.cancel("expire_pending", subscription["id"])


def _live_subscription(world: StripeAccount, invoice: Json) -> Json | None:
    ident = invoice_objects.billed_subscription(invoice)
    subscription = world.store.get_object("subscription", ident) if ident else None
    return None if subscription is None or subscription["status"] in cancellation.ENDED_STATUSES else subscription


def _is_up_to_date(world: StripeAccount, subscription: Json, invoice: Json) -> bool:
    """Whether the newest invoice is paid, or no other is open."""
    where = {"parent.subscription_details.subscription": subscription["id"], "status": "open"}
    return invoice["id"] == subscription["latest_invoice"] or not world.store.find_objects("invoice", where, limit=1)


def _set_status(world: StripeAccount, subscription: Json, status: str) -> None:
    subscription["status"] = status
    world.update_object(subscription, "customer.subscription.updated")
