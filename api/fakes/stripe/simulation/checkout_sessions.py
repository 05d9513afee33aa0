"""What happens when somebody pays at a checkout page: the other half of a session."""

from __future__ import annotations

from api.fakes.stripe import errors
from api.fakes.stripe.account import PRIVATE, StripeAccount, strip_private_members
from api.fakes.stripe.clock import DAY
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import payment_methods, payments, subscription_start
from api.fakes.stripe.simulation.invoice_lines import RequestedItem
from api.fakes.stripe.simulation.subscription_start import NewSubscription


def complete_session(world: StripeAccount, session: Json, method: Json | None, customer: str | None) -> Json:
    """Pay, or subscribe. Raises StripeError for a decline, after which nothing has happened."""
    if session["status"] != "open":
        raise errors.invalid_request("This page is not open any more.", begun=True)
    session["customer"] = customer
    if method is not None and customer is not None and _saves_payment_method(session):
        payment_methods.attach_to_customer(world, method, customer)
    if session["mode"] == "payment":
        _collect_payment(world, session, method)
    else:
        _start_subscription(world, session, method)
    session |= {"status": "complete", "url": None}
    world.due_actions.cancel("expire_session", session["id"])
    return world.update_object(_fill_customer_details(world, session), "checkout.session.completed")


def _saves_payment_method(session: Json) -> bool:
    return session["mode"] == "subscription" or bool(session[PRIVATE]["intent"]["setup_future_usage"])


def _fill_customer_details(world: StripeAccount, session: Json) -> Json:
    if session["customer"] is not None:
        known = world.require_object("customer", session["customer"])
        shown = {name: known[name] for name in ("address", "email", "name", "phone", "tax_exempt")}
        session["customer_details"] = {**shown, "tax_ids": []}
    return session


def _collect_payment(world: StripeAccount, session: Json, method: Json | None) -> None:
    asked = session[PRIVATE]["intent"]
    if session["amount_total"] == 0:
        session["payment_status"] = "no_payment_required"
        return
    if method is None:
        raise errors.invalid_request("A card is needed.", begun=True)
    intent = payments.create_payment_intent(
        world,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        description=asked["description"],
        metadata=asked["metadata"],
        setup=asked["setup_future_usage"],
    )
    fault = payments.attempt_charge(world, intent, method)
    if fault is not None:
        raise fault
    session |= {"payment_intent": intent["id"], "payment_status": "paid"}


def _start_subscription(world: StripeAccount, session: Json, method: Json | None) -> None:
    asked = session[PRIVATE]["subscription"]
    end = asked["trial_end"] or (world.now() + asked["days"] * DAY if asked["days"] else None)
    if method is None and (end is None or session["payment_method_collection"] == "always"):
        raise errors.invalid_request("A card is needed.", begun=True)
    wanted = [RequestedItem(row["price"], row["quantity"] or 1) for row in session[PRIVATE]["items"]]
    terms = NewSubscription(
        session["customer"],
        subscription_start.check_billable_together(wanted),
        payment_method=method["id"] if method else None,
        trial_end=end,
        missing_payment_method=asked["without_method"],
        metadata=asked["metadata"],
        description=asked["description"],
    )
    subscription, fault = subscription_start.start_subscription(world, terms)
    if fault is not None:
        raise fault
    paid = "no_payment_required" if end is not None and method is None else "paid"
    session |= {
        "invoice": subscription["latest_invoice"],
        "payment_status": paid,
        "subscription": subscription["id"],
    }


def success_url(session: Json) -> str:
    """Where somebody goes who has paid."""
    return str(strip_private_members(session)["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def expire_session(world: StripeAccount, session: Json) -> Json:
    """The page is closed."""
    session |= {"status": "expired", "url": None}
    world.due_actions.cancel("expire_session", session["id"])
    return world.update_object(session, "checkout.session.expired")


def expire_if_open(world: StripeAccount, ident: str) -> None:
    """Nobody came in time."""
    session = world.require_object("checkout.session", ident)
    if session["status"] == "open":
        expire_session(world, session)
