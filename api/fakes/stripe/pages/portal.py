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
OPEN_FOR = 3600
"""Seconds for which a visit may go on."""


class Portal(Controller):
    """A visit to the portal."""

    path = "/p/session"
    include_in_schema = False

    @get("/{ident:str}")
    async def show(self, parts: InjectedServer, ident: FromPath[str]) -> Response[str]:
        """The page."""
        return _page(parts.account, _visit(parts.account, ident))

    @post("/{ident:str}/card")
    async def card(
        self, request: Request[Any, Any, State], parts: InjectedServer, ident: FromPath[str]
    ) -> Response[str]:
        """Another card, which pays from now on."""
        filled = await actions.fields(request)
        return _acted(parts, ident, "payment_method_update", lambda world, visit: _new_card(world, visit, filled))

    @post("/{ident:str}/cancel/{name:str}")
    async def cancel(self, parts: InjectedServer, ident: FromPath[str], name: FromPath[str]) -> Response[str]:
        """The subscription is to end."""
        return _acted(parts, ident, "subscription_cancel", lambda world, visit: _cancel(world, visit, name))

    @post("/{ident:str}/resume/{name:str}")
    async def resume(self, parts: InjectedServer, ident: FromPath[str], name: FromPath[str]) -> Response[str]:
        """The subscription is to go on after all."""
        return _acted(parts, ident, "subscription_cancel", lambda world, visit: _resume(world, visit, name))

    @post("/{ident:str}/pay/{name:str}")
    async def pay(self, parts: InjectedServer, ident: FromPath[str], name: FromPath[str]) -> Response[str]:
        """An open invoice is to be paid now."""
        return _acted(parts, ident, "invoice_history", lambda world, visit: _pay(world, visit, name))


class Bills(Controller):
    """The page of one invoice, and a receipt."""

    include_in_schema = False

    @get("/i/{ident:str}")
    async def show(self, parts: InjectedServer, ident: FromPath[str]) -> Response[str]:
        """The page."""
        return _invoice_page(actions.looked_up(parts.account, "invoice", ident))

    @post("/i/{ident:str}")
    async def pay(
        self, request: Request[Any, Any, State], parts: InjectedServer, ident: FromPath[str]
    ) -> Response[str]:
        """The button: pay with this card."""
        filled = await actions.fields(request)
        invoice = actions.looked_up(parts.account, "invoice", ident)
        try:
            with actions.click(parts) as world:
                method = payment_methods.attach(world, actions.chosen(world, filled), invoice["customer"])
                fault = invoice_payment.collect(world, ident, method)
        except StripeError as error:
            fault = error
        return _invoice_page(actions.looked_up(parts.account, "invoice", ident), None if fault is None else str(fault))

    @get("/receipts/{ident:str}")
    async def receipt(self, parts: InjectedServer, ident: FromPath[str]) -> Response[str]:
        """That something was paid."""
        charge = actions.looked_up(parts.account, "charge", ident)
        rows = [("Paid", html.money(charge["amount"], charge["currency"])), ("On", html.day(charge["created"]))]
        return html.page("Receipt", html.section(charge["id"], html.table(rows)))


def _visit(world: StripeAccount, ident: str) -> Json:
    visit = actions.looked_up(world, SESSION, ident)
    if visit["created"] < world.now() - OPEN_FOR:
        raise NotFoundException("This visit is over: ask for a new link.")
    return visit


def _acted(
    parts: ServerState, ident: str, feature: str, act: Callable[[StripeAccount, Json], StripeError | None]
) -> Response[str]:
    """Do something that the portal offers, and show the page again."""
    visit = _visit(parts.account, ident)
    offered = parts.account.require_object(CONFIGURATION, visit["configuration"])["features"]
    if not offered[feature]["enabled"]:
        raise ClientException("This portal does not offer that.")
    try:
        with actions.click(parts) as world:
            fault = act(world, visit)
    except StripeError as error:
        fault = error
    if fault is not None:
        return _page(parts.account, visit, str(fault))
    flow = visit["flow"] or {"after_completion": {"type": "portal_homepage"}}
    after = flow["after_completion"]
    target = after["redirect"]["return_url"] if after["type"] == "redirect" else f"/p/session/{ident}"
    return Redirect(target, status_code=303)


def _new_card(world: StripeAccount, visit: Json, filled: dict[str, str]) -> None:
    customer = visit["customer"]
    method = payment_methods.attach(world, actions.chosen(world, filled), customer)
    payment_methods.prefer(world, customer, method["id"])
    for subscription in _living(world, customer):
        if subscription["default_payment_method"] is not None:
            subscription["default_payment_method"] = method["id"]
            world.update_object(subscription, "customer.subscription.updated")


def _cancel(world: StripeAccount, visit: Json, name: str) -> None:
    subscription = _own(world, visit, "subscription", name)
    if subscription["schedule"] is not None:
        schedules.release(world, world.require_object("subscription_schedule", subscription["schedule"]))
        subscription = world.require_object("subscription", name)
    offered = world.require_object(CONFIGURATION, visit["configuration"])["features"]["subscription_cancel"]
    if offered["mode"] == "immediately":
        cancellation.end(world, subscription, prorate=offered["proration_behavior"] != "none")
        return
    end = subscription_items.period(subscription)[1]
    subscriptions.stop_at(world, subscription, end, at_period_end=True)
    world.update_object(subscription, "customer.subscription.updated")


def _resume(world: StripeAccount, visit: Json, name: str) -> None:
    subscription = _own(world, visit, "subscription", name)
    subscriptions.stop_at(world, subscription, None, at_period_end=False)
    world.update_object(subscription, "customer.subscription.updated")


def _pay(world: StripeAccount, visit: Json, name: str) -> StripeError | None:
    return invoice_payment.collect(world, _own(world, visit, "invoice", name)["id"])


def _own(world: StripeAccount, visit: Json, kind: str, name: str) -> Json:
    found = actions.looked_up(world, kind, name)
    if found["customer"] != visit["customer"]:
        raise NotFoundException("There is no such page.")
    if kind == "subscription" and found["ended_at"] is not None:
        raise ClientException("This subscription has ended.")
    return found


def _living(world: StripeAccount, customer: str) -> list[Json]:
    found = world.store.find("subscription", {"customer": customer})
    return [one for one in found if one["ended_at"] is None]


def _page(world: StripeAccount, visit: Json, fault: str | None = None) -> Response[str]:
    offered = world.require_object(CONFIGURATION, visit["configuration"])["features"]
    parts = [_plan(world, visit, one, offered) for one in _living(world, visit["customer"])]
    parts = parts or [html.section("Plan", html.text("Nothing is subscribed to."))]
    if offered["payment_method_update"]["enabled"]:
        parts.append(_card(world, visit))
    if offered["invoice_history"]["enabled"]:
        parts.append(_invoices(world, visit))
    if visit["return_url"]:
        parts.append(html.link(visit["return_url"], "Return"))
    return html.page("Billing", html.error(fault), *parts)


def _plan(world: StripeAccount, visit: Json, subscription: Json, offered: Json) -> str:
    names = ", ".join(invoice_lines.product_name(world, one["price"]) for one in subscription["items"]["data"])
    end = subscription_items.period(subscription)[1]
    going = "Ends on" if subscription["cancel_at"] else "Renews on"
    rows = [("State", subscription["status"]), (going, html.day(subscription["cancel_at"] or end))]
    button = ""
    if offered["subscription_cancel"]["enabled"]:
        verb, word = ("resume", "Go on after all") if subscription["cancel_at"] else ("cancel", "Cancel")
        button = html.form(f"/p/session/{visit['id']}/{verb}/{subscription['id']}", word, quiet=True)
    return html.section(names, html.table(rows), button)


def _card(world: StripeAccount, visit: Json) -> str:
    living = _living(world, visit["customer"])
    method = payment_methods.paying(world, visit["customer"], living[0] if living else None)
    words = f"Paid with the card ending in {method['card']['last4']}." if method else "There is no card yet."
    choice = html.form(f"/p/session/{visit['id']}/card", "Use this card from now on", html.card_choice())
    return html.section("Card", html.text(words), choice)


def _invoices(world: StripeAccount, visit: Json) -> str:
    rows = []
    for invoice in world.store.find("invoice", {"customer": visit["customer"]}, limit=24):
        amount = html.money(invoice["total"], invoice["currency"])
        name = f"{html.day(invoice['created'])}, {invoice['status']}"
        if invoice["status"] == "open":
            amount += html.form(f"/p/session/{visit['id']}/pay/{invoice['id']}", "Pay now", quiet=True)
        rows.append((name, amount))
    return html.section("Invoices", html.table(rows))


def _invoice_page(invoice: Json, fault: str | None = None) -> Response[str]:
    rows = [(line["description"], html.money(line["amount"], line["currency"])) for line in invoice["lines"]["data"]]
    rows += [("Due", html.money(invoice["amount_remaining"], invoice["currency"])), ("State", invoice["status"])]
    parts = [html.section(invoice["number"] or "Draft", html.table(rows))]
    if invoice["status"] == "open":
        parts.append(html.section("Pay", html.error(fault), html.form("", "Pay", html.card_choice())))
    return html.page("Invoice", *parts)
