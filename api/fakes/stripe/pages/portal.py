"""The customer portal: plan and invoices, another card, cancelling and going on; and the page of one invoice."""

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
"""Seconds for which a visit may go on."""


class PortalPages(Controller):
    """A visit to the portal."""

    path = "/p/session"
    include_in_schema = False

    @get("/{ident:str}")
    async def show_portal(self, parts: InjectedServer, ident: FromPath[str]) -> Response[str]:
        """The page."""
        return _portal_page(parts.account, _open_portal_session(parts.account, ident))

    @post("/{ident:str}/card")
    async def replace_card(
        self, request: Request[Any, Any, State], parts: InjectedServer, ident: FromPath[str]
    ) -> Response[str]:
        """Another card, which pays from now on."""
        filled = await actions.read_form_fields(request)
        return _run_portal_action(
            parts, ident, "payment_method_update", lambda world, visit: _replace_card(world, visit, filled)
        )

    @post("/{ident:str}/cancel/{name:str}")
    async def cancel_subscription(
        self, parts: InjectedServer, ident: FromPath[str], name: FromPath[str]
    ) -> Response[str]:
        """The subscription is to end."""
        return _run_portal_action(
            parts, ident, "subscription_cancel", lambda world, visit: _cancel_subscription(world, visit, name)
        )

    @post("/{ident:str}/resume/{name:str}")
    async def resume_subscription(
        self, parts: InjectedServer, ident: FromPath[str], name: FromPath[str]
    ) -> Response[str]:
        """The subscription is to go on after all."""
        return _run_portal_action(
            parts, ident, "subscription_cancel", lambda world, visit: _resume_subscription(world, visit, name)
        )

    @post("/{ident:str}/pay/{name:str}")
    async def pay_invoice(self, parts: InjectedServer, ident: FromPath[str], name: FromPath[str]) -> Response[str]:
        """An open invoice is to be paid now."""
        return _run_portal_action(
            parts, ident, "invoice_history", lambda world, visit: _pay_invoice(world, visit, name)
        )


class InvoicePages(Controller):
    """The page of one invoice, and a receipt."""

    include_in_schema = False

    @get("/i/{ident:str}")
    async def show_invoice(self, parts: InjectedServer, ident: FromPath[str]) -> Response[str]:
        """The page."""
        return _invoice_page(actions.require_page_object(parts.account, "invoice", ident))

    @post("/i/{ident:str}")
    async def pay_hosted_invoice(
        self, request: Request[Any, Any, State], parts: InjectedServer, ident: FromPath[str]
    ) -> Response[str]:
        """The button: pay with this card."""
        filled = await actions.read_form_fields(request)
        invoice = actions.require_page_object(parts.account, "invoice", ident)
        try:
            with actions.page_transaction(parts) as world:
                method = payment_methods.attach_to_customer(
                    world, actions.payment_method_from_form(world, filled), invoice["customer"]
                )
                fault = invoice_payment.collect_invoice(world, ident, method)
        except StripeError as error:
            fault = error
        return _invoice_page(
            actions.require_page_object(parts.account, "invoice", ident), None if fault is None else str(fault)
        )

    @get("/receipts/{ident:str}")
    async def show_receipt(self, parts: InjectedServer, ident: FromPath[str]) -> Response[str]:
        """That something was paid."""
        charge = actions.require_page_object(parts.account, "charge", ident)
        rows = [
            ("Paid", html.format_amount(charge["amount"], charge["currency"])),
            ("On", html.format_date(charge["created"])),
        ]
        return html.html_page("Receipt", html.html_section(charge["id"], html.html_table(rows)))


def _open_portal_session(world: StripeAccount, ident: str) -> Json:
    visit = actions.require_page_object(world, SESSION, ident)
    if visit["created"] < world.now() - SESSION_LIFETIME:
        raise NotFoundException("This visit is over: ask for a new link.")
    return visit


def _run_portal_action(
    parts: ServerState, ident: str, feature: str, act: Callable[[StripeAccount, Json], StripeError | None]
) -> Response[str]:
    """Do something that the portal offers, and show the page again."""
    visit = _open_portal_session(parts.account, ident)
    offered = parts.account.require_object(CONFIGURATION, visit["configuration"])["features"]
    if not offered[feature]["enabled"]:
        raise ClientException("This portal does not offer that.")
    try:
        with actions.page_transaction(parts) as world:
            fault = act(world, visit)
    except StripeError as error:
        fault = error
    if fault is not None:
        return _portal_page(parts.account, visit, str(fault))
    flow = visit["flow"] or {"after_completion": {"type": "portal_homepage"}}
    after = flow["after_completion"]
    target = after["redirect"]["return_url"] if after["type"] == "redirect" else f"/p/session/{ident}"
    return Redirect(target, status_code=303)


def _replace_card(world: StripeAccount, visit: Json, filled: dict[str, str]) -> None:
    customer = visit["customer"]
    method = payment_methods.attach_to_customer(world, actions.payment_method_from_form(world, filled), customer)
    payment_methods.set_default_method(world, customer, method["id"])
    for subscription in _live_subscriptions(world, customer):
        if subscription["default_payment_method"] is not None:
            subscription["default_payment_method"] = method["id"]
            world.update_object(subscription, "customer.subscription.updated")


def _cancel_subscription(world: StripeAccount, visit: Json, name: str) -> None:
    subscription = _require_owned(world, visit, "subscription", name)
    if subscription["schedule"] is not None:
        schedules.release_subscription(world, world.require_object("subscription_schedule", subscription["schedule"]))
        subscription = world.require_object("subscription", name)
    offered = world.require_object(CONFIGURATION, visit["configuration"])["features"]["subscription_cancel"]
    if offered["mode"] == "immediately":
        cancellation.end_subscription(world, subscription, prorate=offered["proration_behavior"] != "none")
        return
    end = subscription_items.current_period(subscription)[1]
    subscriptions.set_cancellation(world, subscription, end, at_period_end=True)
    world.update_object(subscription, "customer.subscription.updated")


def _resume_subscription(world: StripeAccount, visit: Json, name: str) -> None:
    subscription = _require_owned(world, visit, "subscription", name)
    subscriptions.set_cancellation(world, subscription, None, at_period_end=False)
    world.update_object(subscription, "customer.subscription.updated")


def _pay_invoice(world: StripeAccount, visit: Json, name: str) -> StripeError | None:
    return invoice_payment.collect_invoice(world, _require_owned(world, visit, "invoice", name)["id"])


def _require_owned(world: StripeAccount, visit: Json, kind: str, name: str) -> Json:
    found = actions.require_page_object(world, kind, name)
    if found["customer"] != visit["customer"]:
        raise NotFoundException("There is no such page.")
    if kind == "subscription" and found["ended_at"] is not None:
        raise ClientException("This subscription has ended.")
    return found


def _live_subscriptions(world: StripeAccount, customer: str) -> list[Json]:
    found = world.store.find_objects("subscription", {"customer": customer})
    return [one for one in found if one["ended_at"] is None]


def _portal_page(world: StripeAccount, visit: Json, fault: str | None = None) -> Response[str]:
    offered = world.require_object(CONFIGURATION, visit["configuration"])["features"]
    parts = [_subscription_section(world, visit, one, offered) for one in _live_subscriptions(world, visit["customer"])]
    parts = parts or [html.html_section("Plan", html.paragraph("Nothing is subscribed to."))]
    if offered["payment_method_update"]["enabled"]:
        parts.append(_card_section(world, visit))
    if offered["invoice_history"]["enabled"]:
        parts.append(_invoices_section(world, visit))
    if visit["return_url"]:
        parts.append(html.html_link(visit["return_url"], "Return"))
    return html.html_page("Billing", html.error_alert(fault), *parts)


def _subscription_section(world: StripeAccount, visit: Json, subscription: Json, offered: Json) -> str:
    names = ", ".join(invoice_lines.product_name(world, one["price"]) for one in subscription["items"]["data"])
    end = subscription_items.current_period(subscription)[1]
    going = "Ends on" if subscription["cancel_at"] else "Renews on"
    rows = [("State", subscription["status"]), (going, html.format_date(subscription["cancel_at"] or end))]
    button = ""
    if offered["subscription_cancel"]["enabled"]:
        verb, word = ("resume", "Go on after all") if subscription["cancel_at"] else ("cancel", "Cancel")
        button = html.html_form(f"/p/session/{visit['id']}/{verb}/{subscription['id']}", word, quiet=True)
    return html.html_section(names, html.html_table(rows), button)


def _card_section(world: StripeAccount, visit: Json) -> str:
    living = _live_subscriptions(world, visit["customer"])
    method = payment_methods.default_payment_method(world, visit["customer"], living[0] if living else None)
    words = f"Paid with the card ending in {method['card']['last4']}." if method else "There is no card yet."
    choice = html.html_form(f"/p/session/{visit['id']}/card", "Use this card from now on", html.card_fieldset())
    return html.html_section("Card", html.paragraph(words), choice)


def _invoices_section(world: StripeAccount, visit: Json) -> str:
    rows = []
    for invoice in world.store.find_objects("invoice", {"customer": visit["customer"]}, limit=24):
        amount = html.format_amount(invoice["total"], invoice["currency"])
        name = f"{html.format_date(invoice['created'])}, {invoice['status']}"
        if invoice["status"] == "open":
            amount += html.html_form(f"/p/session/{visit['id']}/pay/{invoice['id']}", "Pay now", quiet=True)
        rows.append((name, amount))
    return html.html_section("Invoices", html.html_table(rows))


def _invoice_page(invoice: Json, fault: str | None = None) -> Response[str]:
    rows = [
        (line["description"], html.format_amount(line["amount"], line["currency"])) for line in invoice["lines"]["data"]
    ]
    rows += [
        ("Due", html.format_amount(invoice["amount_remaining"], invoice["currency"])),
        ("State", invoice["status"]),
    ]
    parts = [html.html_section(invoice["number"] or "Draft", html.html_table(rows))]
    if invoice["status"] == "open":
        parts.append(html.html_section("Pay", html.error_alert(fault), html.html_form("", "Pay", html.card_fieldset())))
    return html.html_page("Invoice", *parts)
