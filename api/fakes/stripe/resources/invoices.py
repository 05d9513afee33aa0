"""Invoices, invoice items and payments of invoices."""

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
from api.fakes.stripe.simulation.changes import SubscriptionUpdateRequest
from api.fakes.stripe.simulation.invoice_lines import RequestedItem

KIND = "invoice"


def retrieve_invoice(account: StripeAccount, params: Params, invoice_id: str) -> Json:
    return account.require_object(KIND, invoice_id)


def list_invoices(account: StripeAccount, params: Params) -> Json:
    """Filter by customer, subscription, status or collection method."""
    where = {
        "customer": params.optional_text("customer"),
        "status": params.optional_text("status"),
        "collection_method": params.optional_text("collection_method"),
        "parent.subscription_details.subscription": params.optional_text("subscription"),
    }
    return lists.list_page(account, params, KIND, "/v1/invoices", where)


def list_invoice_lines(account: StripeAccount, params: Params, invoice_id: str) -> Json:
    lines = account.require_object(KIND, invoice_id)["lines"]["data"]
    return lists.paginate_rows(params, lines, f"/v1/invoices/{invoice_id}/lines")


def pay_invoice(account: StripeAccount, params: Params, invoice_id: str) -> Json:
    """Attempt to collect the invoice now, with another payment method if one is given."""
    invoice = account.require_object(KIND, invoice_id)
    if invoice["status"] == "paid":
        raise errors.invalid_request("Invoice is already paid", code="invoice_already_paid", begun=True)
    if invoice["status"] == "draft":
        renewals.refresh_draft(account, invoice)
        invoices.finalize_invoice(account, invoice)
    elif invoice["status"] != "open":
        raise errors.invalid_request("This invoice can no longer be paid.", code="invoice_not_editable", begun=True)
    payment_method_id = params.optional_text("payment_method")
    payment_method = payment_methods.find_or_create(account, payment_method_id) if payment_method_id else None
    params.ignore_params("off_session")
    error = invoice_payment.collect_invoice(account, invoice_id, payment_method)
    if error is not None:
        error.keeps_work = True
        raise error
    return account.require_object(KIND, invoice_id)


def finalize_invoice(account: StripeAccount, params: Params, invoice_id: str) -> Json:
    """Finalize a draft before it is due."""
    invoice = account.require_object(KIND, invoice_id)
    if invoice["status"] != "draft":
        raise errors.invalid_request("This invoice is already finalized.", code="invoice_not_editable", begun=True)
    params.ignore_params("auto_advance")
    renewals.finalize_draft(account, invoice_id)
    return account.require_object(KIND, invoice_id)


def void_invoice(account: StripeAccount, params: Params, invoice_id: str) -> Json:
    invoice = account.require_object(KIND, invoice_id)
    if invoice["status"] != "open":
        raise errors.invalid_request("You can only void open invoices.", code="invoice_not_editable", begun=True)
    invoices.void_invoice(account, invoice)
    payment_outcomes.record_voided(account, invoice)
    return invoice


def create_invoice_preview(account: StripeAccount, params: Params) -> Json:
    """Preview the invoice of an update, or the next invoice without one."""
    subscription_id = params.optional_text("subscription")
    params.ignore_params("preview_mode", "currency")
    details = params.nested_params("subscription_details")
    if subscription_id is None:
        return _preview_first_invoice(account, params, details)
    subscription = account.require_object("subscription", subscription_id, param="subscription")
    _check_owner(subscription, params.optional_text("customer"))
    if subscription["ended_at"] is not None:
        raise errors.invalid_request("No upcoming invoices for customer", code="invoice_upcoming_none", begun=True)
    return changes.preview_update(account, subscription, _read_subscription_update(account, details, subscription))


def _check_owner(subscription: Json, customer: str | None) -> None:
    if customer is not None and customer != subscription["customer"]:
        raise errors.invalid_request("The subscription does not belong to the customer.", param="subscription")


def _read_subscription_update(account: StripeAccount, details: Params, subscription: Json) -> SubscriptionUpdateRequest:
    end = details.optional_text("trial_end")
    change = SubscriptionUpdateRequest(
        subscriptions.read_requested_items(account, details, subscription),
        details.optional_int("proration_date") or account.now(),
        details.one_of("proration_behavior", changes.PRORATION_BEHAVIORS, "create_prorations"),
        ends_trial=end == "now" and subscription["status"] == "trialing",
    )
    details.ignore_params("cancel_at_period_end", "cancel_now")
    return changes.check_update(subscription, change)


def _preview_first_invoice(account: StripeAccount, params: Params, details: Params) -> Json:
    """Preview the first invoice of a subscription that does not exist yet."""
    customer = account.require_object("customer", params.required_text("customer"), param="customer")
    prices = [account.require_object("price", row.required_text("price")) for row in details.nested_list("items")]
    if not prices:
        raise errors.missing_parameter("subscription_details[items]")
    placeholder: Json = {"id": "sub_preview", "metadata": {}, "customer": customer["id"]}
    lines = []
    for price in prices:
        period = (account.now(), periods.period_end(price, account.now()))
        item = subscription_items.new_item(account, "sub_preview", RequestedItem(price, 1), period)
        lines.append(invoice_lines.full_period_line(account, placeholder, item, period))
    return invoice_objects.new_invoice(account, customer, lines, reason="upcoming", preview=True)


def list_invoice_payments(account: StripeAccount, params: Params) -> Json:
    """The payments of an invoice, or the invoice of a payment intent."""
    payment = params.nested_params("payment")
    payment.ignore_params("type")
    where = {
        "invoice": params.optional_text("invoice"),
        "status": params.optional_text("status"),
        "payment.payment_intent": payment.optional_text("payment_intent"),
    }
    return lists.list_page(account, params, "invoice_payment", "/v1/invoice_payments", where)


def retrieve_invoice_payment(account: StripeAccount, params: Params, invoice_payment_id: str) -> Json:
    return account.require_object("invoice_payment", invoice_payment_id)


def retrieve_invoice_item(account: StripeAccount, params: Params, invoice_item_id: str) -> Json:
    return account.require_object("invoiceitem", invoice_item_id)


def _expand_payments(account: StripeAccount, invoice: Json) -> Json:
    rows = account.store.find_objects("invoice_payment", {"invoice": invoice["id"]})
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
