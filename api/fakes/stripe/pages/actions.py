"""What the pages have in common: one transaction for a click, and the card that somebody chose."""

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


def require_page_object(world: StripeAccount, kind: str, ident: str) -> Json:
    """The object a page is about. Raises NotFoundException."""
    due_actions.run_due_actions(world)
    found = world.store.get_object(kind, ident)
    if found is None:
        raise NotFoundException("There is no such page.")
    return found


@contextlib.contextmanager
def page_transaction(parts: ServerState) -> Iterator[StripeAccount]:
    """All that one click does, or nothing of it."""
    world = parts.account
    world.request_context = RequestContext()
    try:
        with world.store.transaction():
            yield world
    finally:
        parts.scheduler.wake()


async def read_form_fields(request: Request[Any, Any, State]) -> dict[str, str]:
    """What somebody filled in."""
    return {str(name): str(value).strip() for name, value in (await request.form()).items()}


def payment_method_from_form(world: StripeAccount, filled: dict[str, str]) -> Json:
    """The card that was picked or typed, as a payment method. Raises StripeError."""
    card = cards.find_card(filled.get("number") or filled.get("card") or "")
    if card is None:
        raise errors.card_declined(
            "incorrect_number", "incorrect_number", "Your card number is incorrect: pick a test card."
        )
    return world.create_object(payment_methods.new_payment_method(world, card))
