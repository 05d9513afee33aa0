"""Lists as Stripe pages them: newest first, `limit`, `starting_after`, `ending_before`, `has_more`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params

COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def list_object(data: Sequence[Json], url: str, *, has_more: bool = False) -> Json:
    """A list object."""
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}


def list_page(
    world: StripeAccount, params: Params, kind: str, url: str, where: Mapping[str, object] | None = None
) -> Json:
    """A page of the objects whose members have the values in `where`; None there asks for nothing."""
    limit = _read_limit(params)
    after, before = params.optional_text("starting_after"), params.optional_text("ending_before")
    for param, ident in (("starting_after", after), ("ending_before", before)):
        if ident is not None:
            world.require_object(kind, ident, param=param)
    asked = {name: value for name, value in (where or {}).items() if value is not None}
    earliest = asked.get("created >=")
    asked |= time_range_conditions(params, "created")
    if isinstance(earliest, int):  # a list that goes back only so far does not go further because somebody asks
        asked["created >="] = max(earliest, int(str(asked.get("created >=", earliest))))
    found = world.store.find_objects(kind, asked, after=after, before=before, limit=limit + 1)
    return _page_object(found, limit, url, backwards=before is not None)


def paginate_rows(params: Params, rows: Sequence[Json], url: str) -> Json:
    """A page of rows that are at hand, in their own order."""
    limit, after = _read_limit(params), params.optional_text("starting_after")
    places = [place for place, row in enumerate(rows) if row["id"] == after]
    if after is not None and not places:
        raise errors.invalid_request(f"No such item: '{after}'", code="resource_missing", param="starting_after")
    begin = places[0] + 1 if places else 0
    return _page_object(list(rows[begin : begin + limit + 1]), limit, url)


def _read_limit(params: Params) -> int:
    limit = params.optional_int("limit")
    if limit is not None and not 1 <= limit <= 100:
        raise errors.invalid_request("Invalid limit: must be between 1 and 100", param="limit")
    return limit or 10


def _page_object(found: list[Json], limit: int, url: str, *, backwards: bool = False) -> Json:
    data = found[-limit:] if backwards else found[:limit]
    return list_object(data, url, has_more=len(found) > limit)


def time_range_conditions(params: Params, name: str) -> dict[str, object]:
    """A time asked for exactly (`created=1`) or as a span (`created[gte]=1`), as conditions."""
    if not params.has_value(name):
        return {}
    if not isinstance(params.values[name], dict):
        return {name: params.optional_int(name)}
    asked = params.nested_params(name)
    bounds = {sign: asked.optional_int(key) for key, sign in COMPARISONS.items()}
    return {f"{name} {sign}": bound for sign, bound in bounds.items() if bound is not None}
