"""`expand[]`: ids replaced by the objects they name, and parts that are shown on request only."""

from __future__ import annotations

from collections.abc import Callable

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, strip_private_members
from api.fakes.stripe.errors import Json

REFERENCED_KINDS = {
    "balance_transaction": "balance_transaction",
    "charge": "charge",
    "configuration": "billing_portal.configuration",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "default_price": "price",
    "invoice": "invoice",
    "latest_charge": "charge",
    "latest_invoice": "invoice",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "price": "price",
    "product": "product",
    "schedule": "subscription_schedule",
    "subscription": "subscription",
}
"""What kind of object a member names."""
MAX_DEPTH = 4

MemberExpander = Callable[[StripeAccount, Json], Json]
EXPANDABLE_MEMBERS: dict[tuple[str, str], MemberExpander] = {}
"""Members that an object has only when they are asked for, by kind and name; resources add theirs."""


def expand_paths(world: StripeAccount, thing: Json, paths: list[str]) -> Json:
    """The object as it is answered. Raises StripeError for a path that leads nowhere."""
    shown = strip_private_members(thing)
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH:
            raise errors.invalid_request(
                f"You cannot expand more than {MAX_DEPTH} levels of a property", param="expand"
            )
        shown = _expand_path(world, shown, parts, path)
    return shown


def _expand_path(world: StripeAccount, thing: Json, parts: list[str], path: str) -> Json:
    name, rest = parts[0], parts[1:]
    shown = dict(thing)
    if thing.get("object") == "list" and name == "data":
        shown["data"] = [
            _expand_path(world, strip_private_members(row), rest, path) if rest else row for row in thing["data"]
        ]
        return shown
    value = _expand_member(world, thing, name, path)
    if isinstance(value, dict) and rest:
        value = _expand_path(world, value, rest, path)
    elif isinstance(value, list) and rest:
        value = [_expand_path(world, row, rest, path) for row in value]
    shown[name] = value
    return shown


def _expand_member(world: StripeAccount, thing: Json, name: str, path: str) -> object:
    part = EXPANDABLE_MEMBERS.get((str(thing.get("object")), name))
    if part is not None and name not in thing:
        return part(world, thing)
    value = thing.get(name)
    if isinstance(value, str) and name in REFERENCED_KINDS:
        return strip_private_members(world.require_object(REFERENCED_KINDS[name], value, param="expand"))
    if name not in thing or isinstance(value, (str, int)):
        raise errors.invalid_request(f"This property cannot be expanded ({path}).", param="expand")
    return value
