"""Completion and expiry of checkout sessions."""

from __future__ import annotations

from api.fakes.stripe import errors
from api.fakes.stripe.account import PRIVATE, StripeAccount, strip_private_members
from api.fakes.stripe.clock import DAY
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import payment_methods, payments, subscription_start
from api.fakes.stripe.simulation.invoice_lines import RequestedItem
from api.fakes.stripe.simulation.subscription_start import NewSubscription


def complete_session(account: StripeAccount, session: Json, payment_method: Json | None, customer: str | None) -> Json:
    """Pay or subscribe. Raises StripeError for a decline, after which the transaction is to be rolled back."""
    if session["status"] != "open":
        raise errors.invalid_request("This page is not open any more.", begun=True)
    session["customer"] = customer
    if payment_method is not None and customer is not None and _saves_payment_method(session):
        payment_methods.attach_to_customer(account, payment_method, customer)
    if session["mode"] == "payment":
        _collect_payment(account, session, payment_method)
    else:
        _start_subscription(account, session, payment_method)
    session |= {"status": "complete", "url": None}
    account.due_actions.cancel("expire_session", session["id"])
    return account.update_object(_fill_customer_details(account, session), "checkout.session.completed")


def _saves_payment_method(session: Json) -> bool:
    return session["mode"] == "subscription" or bool(session[PRIVATE]["intent"]["setup_future_usage"])


def _fill_customer_details(account: StripeAccount, session: Json) -> Json:
    if session["customer"] is not None:
        customer = account.require_object("customer", session["customer"])
        details = {name: customer[name] for name in ("address", "email", "name", "phone", "tax_exempt")}
        session["customer_details"] = {**details, "tax_ids": []}
    return session


def _collect_payment(account: StripeAccount, session: Json, payment_method: Json | None) -> None:
    settings = session[PRIVATE]["intent"]
    if session["amount_total"] == 0:
        session["payment_status"] = "no_payment_required"
        return
    if payment_method is None:
        raise errors.invalid_request("A card is needed.", begun=True)
    payment_intent = payments.create_payment_intent(
        account,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        description=settings["description"],
        metadata=settings["metadata"],
        setup_future_usage=settings["setup_future_usage"],
    )
    error = payments.attempt_charge(account, payment_intent, payment_method)
    if error is not None:
        raise error
    session |= {"payment_intent": payment_intent["id"], "payment_status": "paid"}


def _start_subscription(account: StripeAccount, session: Json, payment_method: Json | None) -> None:
    settings = session[PRIVATE]["subscription"]
    end = settings["trial_end"] or (account.now() + settings["days"] * DAY if settings["days"] else None)
    if payment_method is None and (end is None or session["payment_method_collection"] == "always"):
        raise errors.invalid_request("A card is needed.", begun=True)
    items = [RequestedItem(row["price"], row["quantity"] or 1) for row in session[PRIVATE]["items"]]
    request = NewSubscription(
        session["customer"],
        subscription_start.check_billable_together(items),
        payment_method=payment_method["id"] if payment_method else None,
        trial_end=end,
        missing_payment_method=settings["without_method"],
        metadata=settings["metadata"],
        description=settings["description"],
    )
    subscription, error = subscription_start.start_subscription(account, request)
    if error is not None:
        raise error
    paid = "no_payment_required" if end is not None and payment_method is None else "paid"
    session |= {
        "invoice": subscription["latest_invoice"],
        "payment_status": paid,
        "subscription": subscription["id"],
    }


def success_url(session: Json) -> str:
    """The URL to which a customer is redirected after payment."""
    return str(strip_private_members(session)["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def expire_session(account: StripeAccount, session: Json) -> Json:
    session |= {"status": "expired", "url": None}
    account.due_actions.cancel("expire_session", session["id"])
    return account.update_object(session, "checkout.session.expired")


def expire_if_open(account: StripeAccount, session_id: str) -> None:
    """The due action at the session's `expires_at`."""
    session = account.require_object("checkout.session", session_id)
    if session["status"] == "open":
        expire_session(account, session)
