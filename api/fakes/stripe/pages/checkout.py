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


class CheckoutPage(Controller):
    """The page of a session."""

    path = "/c/pay"
    include_in_schema = False

    @get("/{ident:str}")
    async def show_checkout(self, parts: InjectedServer, ident: FromPath[str]) -> Response[str]:
        """The page."""
        return _checkout_page(actions.require_page_object(parts.account, KIND, ident))

    @post("/{ident:str}")
    async def complete_checkout(
        self, request: Request[Any, Any, State], parts: InjectedServer, ident: FromPath[str]
    ) -> Response[str]:
        """The button."""
        filled = await actions.read_form_fields(
            request
        )  # before the session is read: somebody may press the button twice
        session = actions.require_page_object(parts.account, KIND, ident)
        try:
            done = _complete_session(parts, session, filled)
        except StripeError as error:
            return _checkout_page(actions.require_page_object(parts.account, KIND, ident), str(error))
        return Redirect(checkout_sessions.success_url(done), status_code=303)


def _complete_session(parts: ServerState, session: Json, filled: dict[str, str]) -> Json:
    with actions.page_transaction(parts) as world:
        method = (
            actions.payment_method_from_form(world, filled) if _requires_card(session) or filled.get("number") else None
        )
        return checkout_sessions.complete_session(
            world, session, method, _find_or_create_customer(world, session, filled)
        )


def _find_or_create_customer(world: StripeAccount, session: Json, filled: dict[str, str]) -> str | None:
    """Who buys: the known customer, or a new one where one is to be made."""
    if session["customer"] is not None:
        return str(session["customer"])
    if session["customer_creation"] != "always":
        return None
    customer = customers.new_customer(world)
    customer["email"] = session["customer_email"] or filled.get("email")
    return str(world.create_object(customer, "customer.created")["id"])


def _requires_card(session: Json) -> bool:
    return session["payment_method_collection"] == "always" or bool(session["amount_total"])


def _checkout_page(session: Json, fault: str | None = None) -> Response[str]:
    title = "Subscribe" if session["mode"] == "subscription" else "Pay"
    if session["status"] != "open":
        return html.html_page(
            title, html.html_section("Closed", html.paragraph("This page is not open any more.")), status=410
        )
    asked = [] if session["customer"] else [html.email_field(session["customer_email"])]
    asked += [html.card_fieldset()] if _requires_card(session) else []
    paying = html.html_section("Card", html.error_alert(fault), html.html_form("", title, *asked))
    back = html.html_link(session["cancel_url"], "Cancel and go back") if session["cancel_url"] else ""
    return html.html_page(
        title,
        html.html_section("Your order", html.html_table(_order_rows(session)), _trial_notice(session)),
        paying,
        back,
    )


def _order_rows(session: Json) -> list[tuple[str, str]]:
    rows = []
    for item in session[PRIVATE]["items"]:
        price = item["price"]
        if item["quantity"] is None:
            amount = f"{float(amounts.unit_amount(price)) / 100:g} {price['currency'].upper()} each, by use"
        else:
            amount = html.format_amount(item["amount_total"], item["currency"])
        every = price["recurring"]
        amount += f" / {every['interval']}" if every else ""
        rows.append((f"{item['description']}" + (f" × {item['quantity']}" if item["quantity"] else ""), amount))
    return [
        *rows,
        ("Due today", f"<strong>{html.format_amount(session['amount_total'], session['currency'])}</strong>"),
    ]


def _trial_notice(session: Json) -> str:
    days = session[PRIVATE].get("subscription", {}).get("days")
    return html.paragraph(f"{days} days free, then the price above.", kind="soft") if days else ""
