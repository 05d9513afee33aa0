"""Shared by the pages: one transaction for a submitted form, and the card chosen in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import NotFoundException

from api.fakes.stripe import due_actions, errors
from api.fakes.stripe.account import RequestContext, StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import cards, payment_methods
from api.fakes.stripe.state import ServerState


def require_page_object(account: StripeAccount, kind: str, object_id: str) -> Json:
    """The object of a page. Raises NotFoundException."""
    due_actions.run_due_actions(account)
    obj = account.store.get_object(kind, object_id)
    if obj is None:
        raise NotFoundException("There is no such page.")
    return obj


@contextlib.contextmanager
def page_transaction(server: ServerState) -> Iterator[StripeAccount]:
    """The transaction of one submitted form."""
    account = server.account
    account.request_context = RequestContext()
    try:
        with account.store.transaction():
            yield account
    finally:
        server.scheduler.wake()


async def read_form_fields(request: Request[Any, Any, State]) -> dict[str, str]:
    return {str(name): str(value).strip() for name, value in (await request.form()).items()}


def payment_method_from_form(account: StripeAccount, fields: dict[str, str]) -> Json:
    """A new payment method for the selected or typed test card. Raises StripeError."""
    card = cards.find_card(fields.get("number") or fields.get("card") or "")
    if card is None:
        raise errors.card_declined(
            "incorrect_number", "incorrect_number", "Your card number is incorrect: pick a test card."
        )
    return account.create_object(payment_methods.new_payment_method(account, card))
