"""Stripe's list objects: newest first, `limit`, `starting_after`, `ending_before`, `has_more`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params

COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def list_object(data: Sequence[Json], url: str, *, has_more: bool = False) -> Json:
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}


def list_page(
    account: StripeAccount, params: Params, kind: str, url: str, where: Mapping[str, object] | None = None
) -> Json:
    """A page of the objects whose members have the values in `where`; None matches anything."""
    limit = _read_limit(params)
    after, before = params.optional_text("starting_after"), params.optional_text("ending_before")
    for param, object_id in (("starting_after", after), ("ending_before", before)):
        if object_id is not None:
            account.require_object(kind, object_id, param=param)
    conditions = {name: value for name, value in (where or {}).items() if value is not None}
    earliest = conditions.get("created >=")
    conditions |= time_range_conditions(params, "created")
    if isinstance(earliest, int):  # a request cannot reach further back than the list does
        conditions["created >="] = max(earliest, int(str(conditions.get("created >=", earliest))))
    rows = account.store.find_objects(kind, conditions, after=after, before=before, limit=limit + 1)
    return _page_object(rows, limit, url, backwards=before is not None)


def paginate_rows(params: Params, rows: Sequence[Json], url: str) -> Json:
    """A page of rows that are in memory, in their order."""
    limit, after = _read_limit(params), params.optional_text("starting_after")
    positions = [position for position, row in enumerate(rows) if row["id"] == after]
    if after is not None and not positions:
        raise errors.invalid_request(f"No such item: '{after}'", code="resource_missing", param="starting_after")
    begin = positions[0] + 1 if positions else 0
    return _page_object(list(rows[begin : begin + limit + 1]), limit, url)


def _read_limit(params: Params) -> int:
    limit = params.optional_int("limit")
    if limit is not None and not 1 <= limit <= 100:
        raise errors.invalid_request("Invalid limit: must be between 1 and 100", param="limit")
    return limit or 10


def _page_object(rows: list[Json], limit: int, url: str, *, backwards: bool = False) -> Json:
    data = rows[-limit:] if backwards else rows[:limit]
    return list_object(data, url, has_more=len(rows) > limit)


def time_range_conditions(params: Params, name: str) -> dict[str, object]:
    """Conditions for an exact time (`created=1`) or a range (`created[gte]=1`)."""
    if not params.has_value(name):
        return {}
    if not isinstance(params.values[name], dict):
        return {name: params.optional_int(name)}
    time_range = params.nested_params(name)
    bounds = {sign: time_range.optional_int(key) for key, sign in COMPARISONS.items()}
    return {f"{name} {sign}": bound for sign, bound in bounds.items() if bound is not None}
