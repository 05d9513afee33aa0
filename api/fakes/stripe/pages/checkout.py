"""The checkout page: order, card and button; then a redirect to `success_url`."""

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
    """The page of a checkout session."""

    path = "/c/pay"
    include_in_schema = False

    @get("/{session_id:str}")
    async def show_checkout(self, server: InjectedServer, session_id: FromPath[str]) -> Response[str]:
        return _checkout_page(actions.require_page_object(server.account, KIND, session_id))

    @post("/{session_id:str}")
    async def complete_checkout(
        self, request: Request[Any, Any, State], server: InjectedServer, session_id: FromPath[str]
    ) -> Response[str]:
        fields = await actions.read_form_fields(request)  # before the session is read: the button may be pressed twice
        session = actions.require_page_object(server.account, KIND, session_id)
        try:
            completed = _complete_session(server, session, fields)
        except StripeError as error:
            return _checkout_page(actions.require_page_object(server.account, KIND, session_id), str(error))
        return Redirect(checkout_sessions.success_url(completed), status_code=303)


def _complete_session(server: ServerState, session: Json, fields: dict[str, str]) -> Json:
    with actions.page_transaction(server) as account:
        payment_method = (
            actions.payment_method_from_form(account, fields)
            if _requires_card(session) or fields.get("number")
            else None
        )
        return checkout_sessions.complete_session(
            account, session, payment_method, _find_or_create_customer(account, session, fields)
        )


def _find_or_create_customer(account: StripeAccount, session: Json, fields: dict[str, str]) -> str | None:
    """The id of the session's customer, or of a new one if the session creates one."""
    if session["customer"] is not None:
        return str(session["customer"])
    if session["customer_creation"] != "always":
        return None
    customer = customers.new_customer(account)
    customer["email"] = session["customer_email"] or fields.get("email")
    return str(account.create_object(customer, "customer.created")["id"])


def _requires_card(session: Json) -> bool:
    return session["payment_method_collection"] == "always" or bool(session["amount_total"])


def _checkout_page(session: Json, error: str | None = None) -> Response[str]:
    title = "Subscribe" if session["mode"] == "subscription" else "Pay"
    if session["status"] != "open":
        return html.html_page(
            title, html.html_section("Closed", html.paragraph("This page is not open any more.")), status=410
        )
    inputs = [] if session["customer"] else [html.email_field(session["customer_email"])]
    inputs += [html.card_fieldset()] if _requires_card(session) else []
    card_section = html.html_section("Card", html.error_alert(error), html.html_form("", title, *inputs))
    cancel_link = html.html_link(session["cancel_url"], "Cancel and go back") if session["cancel_url"] else ""
    return html.html_page(
        title,
        html.html_section("Your order", html.html_table(_order_rows(session)), _trial_notice(session)),
        card_section,
        cancel_link,
    )


def _order_rows(session: Json) -> list[tuple[str, str]]:
    rows = []
    for item in session[PRIVATE]["items"]:
        price = item["price"]
        if item["quantity"] is None:
            amount = f"{float(amounts.unit_amount(price)) / 100:g} {price['currency'].upper()} each, by use"
        else:
            amount = html.format_amount(item["amount_total"], item["currency"])
        recurring = price["recurring"]
        amount += f" / {recurring['interval']}" if recurring else ""
        rows.append((f"{item['description']}" + (f" × {item['quantity']}" if item["quantity"] else ""), amount))
    return [
        *rows,
        ("Due today", f"<strong>{html.format_amount(session['amount_total'], session['currency'])}</strong>"),
    ]


def _trial_notice(session: Json) -> str:
    days = session[PRIVATE].get("subscription", {}).get("days")
    return html.paragraph(f"{days} days free, then the price above.", kind="soft") if days else ""
