"""The customer portal: plan and invoices, replacing the card, cancelling and resuming; and the page of an invoice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import State
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.pages import actions, html
from api.fakes.stripe.resources import subscriptions
from api.fakes.stripe.simulation import (
    cancellation,
    invoice_lines,
    invoice_payment,
    payment_methods,
    schedules,
    subscription_items,
)
from api.fakes.stripe.state import InjectedServer, ServerState

SESSION, CONFIGURATION = "billing_portal.session", "billing_portal.configuration"
SESSION_LIFETIME = 3600
"""Seconds for which a portal session can be used."""


class PortalPages(Controller):
    """The pages of a portal session."""

    path = "/p/session"
    include_in_schema = False

    @get("/{session_id:str}")
    async def show_portal(self, server: InjectedServer, session_id: FromPath[str]) -> Response[str]:
        return _portal_page(server.account, _open_portal_session(server.account, session_id))

    @post("/{session_id:str}/card")
    async def replace_card(
        self, request: Request[Any, Any, State], server: InjectedServer, session_id: FromPath[str]
    ) -> Response[str]:
        """Save another card and pay with it from now on."""
        fields = await actions.read_form_fields(request)
        return _run_portal_action(
            server,
            session_id,
            "payment_method_update",
            lambda account, session: _replace_card(account, session, fields),
        )

    @post("/{session_id:str}/cancel/{subscription_id:str}")
    async def cancel_subscription(
        self, server: InjectedServer, session_id: FromPath[str], subscription_id: FromPath[str]
    ) -> Response[str]:
        return _run_portal_action(
            server,
            session_id,
            "subscription_cancel",
            lambda account, session: _cancel_subscription(account, session, subscription_id),
        )

    @post("/{session_id:str}/resume/{subscription_id:str}")
    async def resume_subscription(
        self, server: InjectedServer, session_id: FromPath[str], subscription_id: FromPath[str]
    ) -> Response[str]:
        """Undo a scheduled cancellation."""
        return _run_portal_action(
            server,
            session_id,
            "subscription_cancel",
            lambda account, session: _resume_subscription(account, session, subscription_id),
        )

    @post("/{session_id:str}/pay/{invoice_id:str}")
    async def pay_invoice(
        self, server: InjectedServer, session_id: FromPath[str], invoice_id: FromPath[str]
    ) -> Response[str]:
        return _run_portal_action(
            server, session_id, "invoice_history", lambda account, session: _pay_invoice(account, session, invoice_id)
        )


class InvoicePages(Controller):
    """The hosted page of an invoice, and receipts."""

    include_in_schema = False

    @get("/i/{invoice_id:str}")
    async def show_invoice(self, server: InjectedServer, invoice_id: FromPath[str]) -> Response[str]:
        return _invoice_page(actions.require_page_object(server.account, "invoice", invoice_id))

    @post("/i/{invoice_id:str}")
    async def pay_hosted_invoice(
        self, request: Request[Any, Any, State], server: InjectedServer, invoice_id: FromPath[str]
    ) -> Response[str]:
        """Save the card and pay with it."""
        fields = await actions.read_form_fields(request)
        invoice = actions.require_page_object(server.account, "invoice", invoice_id)
        try:
            with actions.page_transaction(server) as account:
                payment_method = payment_methods.attach_to_customer(
                    account, actions.payment_method_from_form(account, fields), invoice["customer"]
                )
                error = invoice_payment.collect_invoice(account, invoice_id, payment_method)
        except StripeError as refusal:
            error = refusal
        return _invoice_page(
            actions.require_page_object(server.account, "invoice", invoice_id), None if error is None else str(error)
        )

    @get("/receipts/{charge_id:str}")
    async def show_receipt(self, server: InjectedServer, charge_id: FromPath[str]) -> Response[str]:
        charge = actions.require_page_object(server.account, "charge", charge_id)
        rows = [
            ("Paid", html.format_amount(charge["amount"], charge["currency"])),
            ("On", html.format_date(charge["created"])),
        ]
        return html.html_page("Receipt", html.html_section(charge["id"], html.html_table(rows)))


def _open_portal_session(account: StripeAccount, session_id: str) -> Json:
    session = actions.require_page_object(account, SESSION, session_id)
    if session["created"] < account.now() - SESSION_LIFETIME:
        raise NotFoundException("This visit is over: ask for a new link.")
    return session


def _run_portal_action(
    server: ServerState, session_id: str, feature: str, run_action: Callable[[StripeAccount, Json], StripeError | None]
) -> Response[str]:
    """Run an action of an enabled feature, then redirect to the portal or to where the flow ends."""
    session = _open_portal_session(server.account, session_id)
    features = server.account.require_object(CONFIGURATION, session["configuration"])["features"]
    if not features[feature]["enabled"]:
        raise ClientException("This portal does not offer that.")
    try:
        with actions.page_transaction(server) as account:
            error = run_action(account, session)
    except StripeError as refusal:
        error = refusal
    if error is not None:
        return _portal_page(server.account, session, str(error))
    flow = session["flow"] or {"after_completion": {"type": "portal_homepage"}}
    after = flow["after_completion"]
    target = after["redirect"]["return_url"] if after["type"] == "redirect" else f"/p/session/{session_id}"
    return Redirect(target, status_code=303)


def _replace_card(account: StripeAccount, session: Json, fields: dict[str, str]) -> None:
    customer = session["customer"]
    payment_method = payment_methods.attach_to_customer(
        account, actions.payment_method_from_form(account, fields), customer
    )
    payment_methods.set_default_method(account, customer, payment_method["id"])
    for subscription in _live_subscriptions(account, customer):
        if subscription["default_payment_method"] is not None:
            subscription["default_payment_method"] = payment_method["id"]
            account.update_object(subscription, "customer.subscription.updated")


def _cancel_subscription(account: StripeAccount, session: Json, subscription_id: str) -> None:
    subscription = _require_owned(account, session, "subscription", subscription_id)
    if subscription["schedule"] is not None:
        schedules.release_subscription(
            account, account.require_object("subscription_schedule", subscription["schedule"])
        )
        subscription = account.require_object("subscription", subscription_id)
    features = account.require_object(CONFIGURATION, session["configuration"])["features"]["subscription_cancel"]
    if features["mode"] == "immediately":
        cancellation.end_subscription(account, subscription, prorate=features["proration_behavior"] != "none")
        return
    end = subscription_items.current_period(subscription)[1]
    subscriptions.set_cancellation(account, subscription, end, at_period_end=True)
    account.update_object(subscription, "customer.subscription.updated")


def _resume_subscription(account: StripeAccount, session: Json, subscription_id: str) -> None:
    subscription = _require_owned(account, session, "subscription", subscription_id)
    subscriptions.set_cancellation(account, subscription, None, at_period_end=False)
    account.update_object(subscription, "customer.subscription.updated")


def _pay_invoice(account: StripeAccount, session: Json, invoice_id: str) -> StripeError | None:
    return invoice_payment.collect_invoice(account, _require_owned(account, session, "invoice", invoice_id)["id"])


def _require_owned(account: StripeAccount, session: Json, kind: str, object_id: str) -> Json:
    obj = actions.require_page_object(account, kind, object_id)
    if obj["customer"] != session["customer"]:
        raise NotFoundException("There is no such page.")
    if kind == "subscription" and obj["ended_at"] is not None:
        raise ClientException("This subscription has ended.")
    return obj


def _live_subscriptions(account: StripeAccount, customer_id: str) -> list[Json]:
    subscriptions = account.store.find_objects("subscription", {"customer": customer_id})
    return [subscription for subscription in subscriptions if subscription["ended_at"] is None]


def _portal_page(account: StripeAccount, session: Json, error: str | None = None) -> Response[str]:
    features = account.require_object(CONFIGURATION, session["configuration"])["features"]
    sections = [
        _subscription_section(account, session, subscription, features)
        for subscription in _live_subscriptions(account, session["customer"])
    ]
    sections = sections or [html.html_section("Plan", html.paragraph("Nothing is subscribed to."))]
    if features["payment_method_update"]["enabled"]:
        sections.append(_card_section(account, session))
    if features["invoice_history"]["enabled"]:
        sections.append(_invoices_section(account, session))
    if session["return_url"]:
        sections.append(html.html_link(session["return_url"], "Return"))
    return html.html_page("Billing", html.error_alert(error), *sections)


def _subscription_section(account: StripeAccount, session: Json, subscription: Json, features: Json) -> str:
    names = ", ".join(invoice_lines.product_name(account, item["price"]) for item in subscription["items"]["data"])
    end = subscription_items.current_period(subscription)[1]
    end_label = "Ends on" if subscription["cancel_at"] else "Renews on"
    rows = [("State", subscription["status"]), (end_label, html.format_date(subscription["cancel_at"] or end))]
    button = ""
    if features["subscription_cancel"]["enabled"]:
        verb, label = ("resume", "Go on after all") if subscription["cancel_at"] else ("cancel", "Cancel")
        button = html.html_form(f"/p/session/{session['id']}/{verb}/{subscription['id']}", label, quiet=True)
    return html.html_section(names, html.html_table(rows), button)


def _card_section(account: StripeAccount, session: Json) -> str:
    subscriptions = _live_subscriptions(account, session["customer"])
    payment_method = payment_methods.default_payment_method(
        account, session["customer"], subscriptions[0] if subscriptions else None
    )
    message = (
        f"Paid with the card ending in {payment_method['card']['last4']}."
        if payment_method
        else "There is no card yet."
    )
    choice = html.html_form(f"/p/session/{session['id']}/card", "Use this card from now on", html.card_fieldset())
    return html.html_section("Card", html.paragraph(message), choice)


def _invoices_section(account: StripeAccount, session: Json) -> str:
    rows = []
    for invoice in account.store.find_objects("invoice", {"customer": session["customer"]}, limit=24):
        amount = html.format_amount(invoice["total"], invoice["currency"])
        name = f"{html.format_date(invoice['created'])}, {invoice['status']}"
        if invoice["status"] == "open":
            amount += html.html_form(f"/p/session/{session['id']}/pay/{invoice['id']}", "Pay now", quiet=True)
        rows.append((name, amount))
    return html.html_section("Invoices", html.html_table(rows))


def _invoice_page(invoice: Json, error: str | None = None) -> Response[str]:
    rows = [
        (line["description"], html.format_amount(line["amount"], line["currency"])) for line in invoice["lines"]["data"]
    ]
    rows += [
        ("Due", html.format_amount(invoice["amount_remaining"], invoice["currency"])),
        ("State", invoice["status"]),
    ]
    sections = [html.html_section(invoice["number"] or "Draft", html.html_table(rows))]
    if invoice["status"] == "open":
        sections.append(
            html.html_section("Pay", html.error_alert(error), html.html_form("", "Pay", html.card_fieldset()))
        )
    return html.html_page("Invoice", *sections)
