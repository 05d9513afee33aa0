"""`expand[]`: replaces ids by the objects they name and adds members that are only sent on request."""

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
"""Kinds of the objects that members refer to by id."""
MAX_DEPTH = 4

MemberExpander = Callable[[StripeAccount, Json], Json]
EXPANDABLE_MEMBERS: dict[tuple[str, str], MemberExpander] = {}
"""Members that are only sent when expanded, by kind and name; resources register theirs."""


def expand_paths(account: StripeAccount, obj: Json, paths: list[str]) -> Json:
    """The object with these paths expanded. Raises StripeError for a path that cannot be expanded."""
    expanded = strip_private_members(obj)
    for path in paths:
        members = path.split(".")
        if len(members) > MAX_DEPTH:
            raise errors.invalid_request(
                f"You cannot expand more than {MAX_DEPTH} levels of a property", param="expand"
            )
        expanded = _expand_path(account, expanded, members, path)
    return expanded


def _expand_path(account: StripeAccount, obj: Json, members: list[str], path: str) -> Json:
    name, rest = members[0], members[1:]
    expanded = dict(obj)
    if obj.get("object") == "list" and name == "data":
        expanded["data"] = [
            _expand_path(account, strip_private_members(row), rest, path) if rest else row for row in obj["data"]
        ]
        return expanded
    value = _expand_member(account, obj, name, path)
    if isinstance(value, dict) and rest:
        value = _expand_path(account, value, rest, path)
    elif isinstance(value, list) and rest:
        value = [_expand_path(account, row, rest, path) for row in value]
    expanded[name] = value
    return expanded


def _expand_member(account: StripeAccount, obj: Json, name: str, path: str) -> object:
    expander = EXPANDABLE_MEMBERS.get((str(obj.get("object")), name))
    if expander is not None and name not in obj:
        return expander(account, obj)
    value = obj.get(name)
    if isinstance(value, str) and name in REFERENCED_KINDS:
        return strip_private_members(account.require_object(REFERENCED_KINDS[name], value, param="expand"))
    if name not in obj or isinstance(value, (str, int)):
        raise errors.invalid_request(f"This property cannot be expanded ({path}).", param="expand")
    return value
