"""The customer portal: plan and invoices, another card, cancelling and going on; and the page of one invoice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import State
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from api.fakes.stripe.account import World
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.pages import actions as visits
from api.fakes.stripe.pages import html as markup
from api.fakes.stripe.resources import subscriptions
from api.fakes.stripe.simulation import cancellation as ending
from api.fakes.stripe.simulation import invoice_lines as lines
from api.fakes.stripe.simulation import invoice_payment as collecting
from api.fakes.stripe.simulation import payment_methods as methods
from api.fakes.stripe.simulation import schedules
from api.fakes.stripe.simulation import subscription_items as items
from api.fakes.stripe.state import Given, Parts

SESSION, CONFIGURATION = "billing_portal.session", "billing_portal.configuration"
OPEN_FOR = 3600
"""Seconds for which a visit may go on."""


class Portal(Controller):
    """A visit to the portal."""

    path = "/p/session"
    include_in_schema = False

    @get("/{ident:str}")
    async def show(self, parts: Given, ident: FromPath[str]) -> Response[str]:
        """The page."""
        return _page(parts.world, _visit(parts.world, ident))

    @post("/{ident:str}/card")
    async def card(self, request: Request[Any, Any, State], parts: Given, ident: FromPath[str]) -> Response[str]:
        """Another card, which pays from now on."""
        filled = await visits.fields(request)
        return _acted(parts, ident, "payment_method_update", lambda world, visit: _new_card(world, visit, filled))

    @post("/{ident:str}/cancel/{name:str}")
    async def cancel(self, parts: Given, ident: FromPath[str], name: FromPath[str]) -> Response[str]:
        """The subscription is to end."""
        return _acted(parts, ident, "subscription_cancel", lambda world, visit: _cancel(world, visit, name))

    @post("/{ident:str}/resume/{name:str}")
    async def resume(self, parts: Given, ident: FromPath[str], name: FromPath[str]) -> Response[str]:
        """The subscription is to go on after all."""
        return _acted(parts, ident, "subscription_cancel", lambda world, visit: _resume(world, visit, name))

    @post("/{ident:str}/pay/{name:str}")
    async def pay(self, parts: Given, ident: FromPath[str], name: FromPath[str]) -> Response[str]:
        """An open invoice is to be paid now."""
        return _acted(parts, ident, "invoice_history", lambda world, visit: _pay(world, visit, name))


class Bills(Controller):
    """The page of one invoice, and a receipt."""

    include_in_schema = False

    @get("/i/{ident:str}")
    async def show(self, parts: Given, ident: FromPath[str]) -> Response[str]:
        """The page."""
        return _invoice_page(visits.looked_up(parts.world, "invoice", ident))

    @post("/i/{ident:str}")
    async def pay(self, request: Request[Any, Any, State], parts: Given, ident: FromPath[str]) -> Response[str]:
        """The button: pay with this card."""
        filled = await visits.fields(request)
        invoice = visits.looked_up(parts.world, "invoice", ident)
        try:
            with visits.click(parts) as world:
                method = methods.attach(world, visits.chosen(world, filled), invoice["customer"])
                fault = collecting.collect(world, ident, method)
        except StripeError as error:
            fault = error
        return _invoice_page(visits.looked_up(parts.world, "invoice", ident), None if fault is None else str(fault))

    @get("/receipts/{ident:str}")
    async def receipt(self, parts: Given, ident: FromPath[str]) -> Response[str]:
        """That something was paid."""
        charge = visits.looked_up(parts.world, "charge", ident)
        rows = [("Paid", markup.money(charge["amount"], charge["currency"])), ("On", markup.day(charge["created"]))]
        return markup.page("Receipt", markup.section(charge["id"], markup.table(rows)))


def _visit(world: World, ident: str) -> Json:
    visit = visits.looked_up(world, SESSION, ident)
    if visit["created"] < world.now() - OPEN_FOR:
        raise NotFoundException("This visit is over: ask for a new link.")
    return visit


def _acted(parts: Parts, ident: str, feature: str, act: Callable[[World, Json], StripeError | None]) -> Response[str]:
    """Do something that the portal offers, and show the page again."""
    visit = _visit(parts.world, ident)
    offered = parts.world.need(CONFIGURATION, visit["configuration"])["features"]
    if not offered[feature]["enabled"]:
        raise ClientException("This portal does not offer that.")
    try:
        with visits.click(parts) as world:
            fault = act(world, visit)
    except StripeError as error:
        fault = error
    if fault is not None:
        return _page(parts.world, visit, str(fault))
    flow = visit["flow"] or {"after_completion": {"type": "portal_homepage"}}
    after = flow["after_completion"]
    target = after["redirect"]["return_url"] if after["type"] == "redirect" else f"/p/session/{ident}"
    return Redirect(target, status_code=303)


def _new_card(world: World, visit: Json, filled: dict[str, str]) -> None:
    customer = visit["customer"]
    method = methods.attach(world, visits.chosen(world, filled), customer)
    methods.prefer(world, customer, method["id"])
    for subscription in _living(world, customer):
        if subscription["default_payment_method"] is not None:
            subscription["default_payment_method"] = method["id"]
            world.change(subscription, "customer.subscription.updated")


def _cancel(world: World, visit: Json, name: str) -> None:
    subscription = _own(world, visit, "subscription", name)
    if subscription["schedule"] is not None:
        schedules.release(world, world.need("subscription_schedule", subscription["schedule"]))
        subscription = world.need("subscription", name)
    offered = world.need(CONFIGURATION, visit["configuration"])["features"]["subscription_cancel"]
    if offered["mode"] == "immediately":
        ending.end(world, subscription, prorate=offered["proration_behavior"] != "none")
        return
    end = items.period(subscription)[1]
    subscriptions.stop_at(world, subscription, end, at_period_end=True)
    world.change(subscription, "customer.subscription.updated")


def _resume(world: World, visit: Json, name: str) -> None:
    subscription = _own(world, visit, "subscription", name)
    subscriptions.stop_at(world, subscription, None, at_period_end=False)
    world.change(subscription, "customer.subscription.updated")


def _pay(world: World, visit: Json, name: str) -> StripeError | None:
    return collecting.collect(world, _own(world, visit, "invoice", name)["id"])


def _own(world: World, visit: Json, kind: str, name: str) -> Json:
    found = visits.looked_up(world, kind, name)
    if found["customer"] != visit["customer"]:
        raise NotFoundException("There is no such page.")
    if kind == "subscription" and found["ended_at"] is not None:
        raise ClientException("This subscription has ended.")
    return found


def _living(world: World, customer: str) -> list[Json]:
    found = world.store.find("subscription", {"customer": customer})
    return [one for one in found if one["ended_at"] is None]


def _page(world: World, visit: Json, fault: str | None = None) -> Response[str]:
    offered = world.need(CONFIGURATION, visit["configuration"])["features"]
    parts = [_plan(world, visit, one, offered) for one in _living(world, visit["customer"])]
    parts = parts or [markup.section("Plan", markup.text("Nothing is subscribed to."))]
    if offered["payment_method_update"]["enabled"]:
        parts.append(_card(world, visit))
    if offered["invoice_history"]["enabled"]:
        parts.append(_invoices(world, visit))
    if visit["return_url"]:
        parts.append(markup.link(visit["return_url"], "Return"))
    return markup.page("Billing", markup.error(fault), *parts)


def _plan(world: World, visit: Json, subscription: Json, offered: Json) -> str:
    names = ", ".join(lines.product_name(world, one["price"]) for one in subscription["items"]["data"])
    end = items.period(subscription)[1]
    going = "Ends on" if subscription["cancel_at"] else "Renews on"
    rows = [("State", subscription["status"]), (going, markup.day(subscription["cancel_at"] or end))]
    button = ""
    if offered["subscription_cancel"]["enabled"]:
        verb, word = ("resume", "Go on after all") if subscription["cancel_at"] else ("cancel", "Cancel")
        button = markup.form(f"/p/session/{visit['id']}/{verb}/{subscription['id']}", word, quiet=True)
    return markup.section(names, markup.table(rows), button)


def _card(world: World, visit: Json) -> str:
    living = _living(world, visit["customer"])
    method = methods.paying(world, visit["customer"], living[0] if living else None)
    words = f"Paid with the card ending in {method['card']['last4']}." if method else "There is no card yet."
    choice = markup.form(f"/p/session/{visit['id']}/card", "Use this card from now on", markup.card_choice())
    return markup.section("Card", markup.text(words), choice)


def _invoices(world: World, visit: Json) -> str:
    rows = []
    for invoice in world.store.find("invoice", {"customer": visit["customer"]}, limit=24):
        amount = markup.money(invoice["total"], invoice["currency"])
        name = f"{markup.day(invoice['created'])}, {invoice['status']}"
        if invoice["status"] == "open":
            amount += markup.form(f"/p/session/{visit['id']}/pay/{invoice['id']}", "Pay now", quiet=True)
        rows.append((name, amount))
    return markup.section("Invoices", markup.table(rows))


def _invoice_page(invoice: Json, fault: str | None = None) -> Response[str]:
    rows = [(line["description"], markup.money(line["amount"], line["currency"])) for line in invoice["lines"]["data"]]
    rows += [("Due", markup.money(invoice["amount_remaining"], invoice["currency"])), ("State", invoice["status"])]
    parts = [markup.section(invoice["number"] or "Draft", markup.table(rows))]
    if invoice["status"] == "open":
        parts.append(markup.section("Pay", markup.error(fault), markup.form("", "Pay", markup.card_choice())))
    return markup.page("Invoice", *parts)
