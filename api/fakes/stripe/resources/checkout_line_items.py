"""Line items of a checkout session."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import PRIVATE, StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.expand import EXPANDABLE_MEMBERS
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import amounts, invoice_lines

SESSION = "checkout.session"


def read_line_item(account: StripeAccount, row: Params, mode: str) -> Json:
    """Check one entry of `line_items` against the session's mode. Raises StripeError."""
    price = account.require_object("price", row.required_text("price"), param=row.full_name("price"))
    if not price["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise errors.invalid_request(message, param=row.full_name("price"))
    if mode == "payment" and price["recurring"] is not None:
        message = "You specified `payment` mode but passed a recurring price."
        raise errors.invalid_request(message, param=row.full_name("price"))
    metered = amounts.is_metered(price)
    quantity = row.optional_int("quantity")
    if metered and quantity is not None:
        raise errors.invalid_request(
            "Quantity should not be specified for metered prices.", param=row.full_name("quantity")
        )
    if not metered and quantity is None:
        message = "Quantity is required. Add `quantity` to `line_items`."
        raise errors.invalid_request(message, param=row.full_name("quantity"))
    return _new_line_item(account, price, quantity)


def _new_line_item(account: StripeAccount, price: Json, quantity: int | None) -> Json:
    amount = 0 if quantity is None else amounts.total_amount(price, quantity)
    return {
        "id": new_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": invoice_lines.product_name(account, price),
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def list_line_items(account: StripeAccount, params: Params, session_id: str) -> Json:
    line_items = account.require_object(SESSION, session_id)[PRIVATE]["items"]
    return lists.paginate_rows(params, line_items, f"/v1/checkout/sessions/{session_id}/line_items")


def _expand_line_items(account: StripeAccount, session: Json) -> Json:
    line_items = account.require_object(SESSION, session["id"])[PRIVATE]["items"]
    return lists.list_object(line_items, f"/v1/checkout/sessions/{session['id']}/line_items")


EXPANDABLE_MEMBERS[SESSION, "line_items"] = _expand_line_items
ROUTES = (("GET", "/v1/checkout/sessions/{}/line_items", list_line_items),)
