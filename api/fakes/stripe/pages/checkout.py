"""The checkout page: what is bought, a card, and a button; then back to where `success_url` says."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Redirect

from api.fakes.stripe.account import PRIVATE, StripeAccount
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.pages import actions, html
from api.fakes.stripe.resources import customers
from api.fakes.stripe.simulation import amounts, checkout_sessions
from api.fakes.stripe.state import InjectedServer, ServerState

KIND = "checkout.session"


class Checkout(Controller):
    """The page of a session."""

    path = "/c/pay"
    include_in_schema = False

    @get("/{ident:str}")
    async def show(self, parts: InjectedServer, ident: FromPath[str]) -> Response[str]:
        """The page."""
        return _page(actions.looked_up(parts.account, KIND, ident))

    @post("/{ident:str}")
    async def pay(
        self, request: Request[Any, Any, State], parts: InjectedServer, ident: FromPath[str]
    ) -> Response[str]:
        """The button."""
        filled = await actions.fields(request)  # before the session is read: somebody may press the button twice
        session = actions.looked_up(parts.account, KIND, ident)
        try:
            done = _complete(parts, session, filled)
        except StripeError as error:
            return _page(actions.looked_up(parts.account, KIND, ident), str(error))
        return Redirect(checkout_sessions.receipt(done), status_code=303)


def _complete(parts: ServerState, session: Json, filled: dict[str, str]) -> Json:
    with actions.click(parts) as world:
        method = actions.chosen(world, filled) if _wants_card(session) or filled.get("number") else None
        return checkout_sessions.complete(world, session, method, _customer(world, session, filled))


def _customer(world: StripeAccount, session: Json, filled: dict[str, str]) -> str | None:
    """Who buys: the known customer, or a new one where one is to be made."""
    if session["customer"] is not None:
        return str(session["customer"])
    if session["customer_creation"] != "always":
        return None
    customer = customers.new(world)
    customer["email"] = session["customer_email"] or filled.get("email")
    return str(world.create_object(customer, "customer.created")["id"])


def _wants_card(session: Json) -> bool:
    return session["payment_method_collection"] == "always" or bool(session["amount_total"])


def _page(session: Json, fault: str | None = None) -> Response[str]:
    title = "Subscribe" if session["mode"] == "subscription" else "Pay"
    if session["status"] != "open":
        return html.page(title, html.section("Closed", html.text("This page is not open any more.")), status=410)
    asked = [] if session["customer"] else [html.email(session["customer_email"])]
    asked += [html.card_choice()] if _wants_card(session) else []
    paying = html.section("Card", html.error(fault), html.form("", title, *asked))
    back = html.link(session["cancel_url"], "Cancel and go back") if session["cancel_url"] else ""
    return html.page(title, html.section("Your order", html.table(_rows(session)), _trial(session)), paying, back)


def _rows(session: Json) -> list[tuple[str, str]]:
    rows = []
    for item in session[PRIVATE]["items"]:
        price = item["price"]
        if item["quantity"] is None:
            amount = f"{float(amounts.unit(price)) / 100:g} {price['currency'].upper()} each, by use"
        else:
            amount = html.money(item["amount_total"], item["currency"])
        every = price["recurring"]
        amount += f" / {every['interval']}" if every else ""
        rows.append((f"{item['description']}" + (f" × {item['quantity']}" if item["quantity"] else ""), amount))
    return [*rows, ("Due today", f"<strong>{html.money(session['amount_total'], session['currency'])}</strong>")]


def _trial(session: Json) -> str:
    days = session[PRIVATE].get("subscription", {}).get("days")
    return html.text(f"{days} days free, then the price above.", kind="soft") if days else ""
