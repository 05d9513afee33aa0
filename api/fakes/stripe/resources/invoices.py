"""Invoices and the payments made towards them."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.expand import EXPANDABLE_MEMBERS
from api.fakes.stripe.params import Params
from api.fakes.stripe.resources import subscriptions
from api.fakes.stripe.simulation import (
    changes,
    invoice_lines,
    invoice_objects,
    invoice_payment,
    invoices,
    payment_methods,
    payment_outcomes,
    periods,
    renewals,
    subscription_items,
)
from api.fakes.stripe.simulation.changes import SubscriptionUpdate
from api.fakes.stripe.simulation.invoice_lines import RequestedItem

KIND = "invoice"


def retrieve_invoice(world: StripeAccount, params: Params, ident: str) -> Json:
    """One of them."""
    return world.require_object(KIND, ident)


def list_invoices(world: StripeAccount, params: Params) -> Json:
    """Those of a customer or a subscription, in a state."""
    where = {
        "customer": params.optional_text("customer"),
        "status": params.optional_text("status"),
        "collection_method": params.optional_text("collection_method"),
        "parent.subscription_details.subscription": params.optional_text("subscription"),
    }
    return lists.list_page(world, params, KIND, "/v1/invoices", where)


def list_invoice_lines(world: StripeAccount, params: Params, ident: str) -> Json:
    """The lines of one."""
    rows = world.require_object(KIND, ident)["lines"]["data"]
    return lists.paginate_rows(params, rows, f"/v1/invoices/{ident}/lines")


def pay_invoice(world: StripeAccount, params: Params, ident: str) -> Json:
    """Try to get it paid now, perhaps with another card."""
    invoice = world.require_object(KIND, ident)
    if invoice["status"] == "paid":
        raise errors.invalid_request("Invoice is already paid", code="invoice_already_paid", begun=True)
    if invoice["status"] == "draft":
        renewals.refresh_draft(world, invoice)
        invoices.finalize_invoice(world, invoice)
    elif invoice["status"] != "open":
        raise errors.invalid_request("This invoice can no longer be paid.", code="invoice_not_editable", begun=True)
    name = params.optional_text("payment_method")
    method = payment_methods.find_or_create(world, name) if name else None
    params.ignore_params("off_session")
    fault = invoice_payment.collect_invoice(world, ident, method)
    if fault is not None:
        fault.keeps_work = True
        raise fault
    return world.require_object(KIND, ident)


def finalize_invoice(world: StripeAccount, params: Params, ident: str) -> Json:
    """Make a draft binding before its time."""
    invoice = world.require_object(KIND, ident)
    if invoice["status"] != "draft":
        raise errors.invalid_request("This invoice is already finalized.", code="invoice_not_editable", begun=True)
    params.ignore_params("auto_advance")
    renewals.finalize_draft(world, ident)
    return world.require_object(KIND, ident)


def void_invoice(world: StripeAccount, params: Params, ident: str) -> Json:
    """Nobody has to pay it any more."""
    invoice = world.require_object(KIND, ident)
    if invoice["status"] != "open":
        raise errors.invalid_request("You can only void open invoices.", code="invoice_not_editable", begun=True)
    invoices.void_invoice(world, invoice)
    payment_outcomes.record_voided(world, invoice)
    return invoice


def create_invoice_preview(world: StripeAccount, params: Params) -> Json:
    """What a change would cost, or the next invoice as things are."""
    name = params.optional_text("subscription")
    params.ignore_params("preview_mode", "currency")
    asked = params.nested_params("subscription_details")
    if name is None:
        return _preview_first_invoice(world, params, asked)
    subscription = world.require_object("subscription", name, param="subscription")
    _check_owner(subscription, params.optional_text("customer"))
    if subscription["ended_at"] is not None:
        raise errors.invalid_request("No upcoming invoices for customer", code="invoice_upcoming_none", begun=True)
    return changes.preview_update(world, subscription, _read_subscription_update(world, asked, subscription))


def _check_owner(subscription: Json, customer: str | None) -> None:
    if customer is not None and customer != subscription["customer"]:
        raise errors.invalid_request("The subscription does not belong to the customer.", param="subscription")


def _read_subscription_update(world: StripeAccount, asked: Params, subscription: Json) -> SubscriptionUpdate:
    end = asked.optional_text("trial_end")
    change = SubscriptionUpdate(
        subscriptions.read_requested_items(world, asked, subscription),
        asked.optional_int("proration_date") or world.now(),
        asked.one_of("proration_behavior", changes.PRORATION_BEHAVIORS, "create_prorations"),
        ends_trial=end == "now" and subscription["status"] == "trialing",
    )
    asked.ignore_params("cancel_at_period_end", "cancel_now")
    return changes.check_update(subscription, change)


def _preview_first_invoice(world: StripeAccount, params: Params, asked: Params) -> Json:
    """The first invoice of a subscription that nobody has yet."""
    customer = world.require_object("customer", params.required_text("customer"), param="customer")
    rows = [world.require_object("price", row.required_text("price")) for row in asked.nested_list("items")]
    if not rows:
        raise errors.missing_parameter("subscription_details[items]")
    imagined: Json = {"id": "sub_preview", "metadata": {}, "customer": customer["id"]}
    found = []
    for price in rows:
        period = (world.now(), periods.period_end(price, world.now()))
        item = subscription_items.new_item(world, "sub_preview", RequestedItem(price, 1), period)
        found.append(invoice_lines.full_period_line(world, imagined, item, period))
    return invoice_objects.new_invoice(world, customer, found, reason="upcoming", preview=True)


def list_invoice_payments(world: StripeAccount, params: Params) -> Json:
    """Payments towards an invoice, or the invoice that a payment is for."""
    payment = params.nested_params("payment")
    payment.ignore_params("type")
    where = {
        "invoice": params.optional_text("invoice"),
        "status": params.optional_text("status"),
        "payment.payment_intent": payment.optional_text("payment_intent"),
    }
    return lists.list_page(world, params, "invoice_payment", "/v1/invoice_payments", where)


def retrieve_invoice_payment(world: StripeAccount, params: Params, ident: str) -> Json:
    """One payment towards an invoice."""
    return world.require_object("invoice_payment", ident)


def retrieve_invoice_item(world: StripeAccount, params: Params, ident: str) -> Json:
    """What a change has cost: on an invoice, or not yet."""
    return world.require_object("invoiceitem", ident)


def _expand_payments(world: StripeAccount, invoice: Json) -> Json:
    rows = world.store.find_objects("invoice_payment", {"invoice": invoice["id"]})
    return lists.list_object(rows, "/v1/invoice_payments")


EXPANDABLE_MEMBERS[KIND, "payments"] = _expand_payments
ROUTES = (
    ("GET", "/v1/invoices", list_invoices),
    ("POST", "/v1/invoices/create_preview", create_invoice_preview),
    ("GET", "/v1/invoices/{}", retrieve_invoice),
    ("GET", "/v1/invoices/{}/lines", list_invoice_lines),
    ("POST", "/v1/invoices/{}/pay", pay_invoice),
    ("POST", "/v1/invoices/{}/finalize", finalize_invoice),
    ("POST", "/v1/invoices/{}/void", void_invoice),
    ("GET", "/v1/invoiceitems/{}", retrieve_invoice_item),
    ("GET", "/v1/invoice_payments", list_invoice_payments),
    ("GET", "/v1/invoice_payments/{}", retrieve_invoice_payment),
)
