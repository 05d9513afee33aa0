"""Billing meters and the usage they have summed up."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import World, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import usage

KIND = "billing.meter"
FORMULAS = ("count", "last", "sum")
MINUTE = 60


def create(world: World, params: Params) -> Json:
    """A new meter. Two active ones cannot count events of one name."""
    name = params.needed("event_name")
    if world.store.first(KIND, {"event_name": name, "status": "active"}):
        words = f"An active meter for event name '{name}' already exists."
        raise errors.invalid(words, code="resource_already_exists", param="event_name", begun=True)
    mapping, value = params.inner("customer_mapping"), params.inner("value_settings")
    mapping.ignore("type")
    formula = params.inner("default_aggregation").choice("formula", FORMULAS, "")
    if not formula:
        raise errors.missing("default_aggregation[formula]")
    meter: Json = {
        "id": new_id("mtr_test_"),
        "object": KIND,
        "created": world.now(),
        "customer_mapping": {
            "event_payload_key": mapping.text("event_payload_key") or "stripe_customer_id",
            "type": "by_id",
        },
        "default_aggregation": {"formula": formula},
        "display_name": params.needed("display_name"),
        "event_name": name,
        "event_time_window": params.text("event_time_window"),
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": world.now(),
        "value_settings": {"event_payload_key": value.text("event_payload_key") or "value"},
    }
    return world.make(meter, "billing.meter.created")


def retrieve(world: World, params: Params, ident: str) -> Json:
    """One of them."""
    return world.need(KIND, ident)


def update(world: World, params: Params, ident: str) -> Json:
    """Change what it is called."""
    meter = world.need(KIND, ident)
    meter |= {"display_name": params.text("display_name") or meter["display_name"], "updated": world.now()}
    return world.change(meter, "billing.meter.updated")


def list_(world: World, params: Params) -> Json:
    """All, or those in a state."""
    return lists.page(world, params, KIND, "/v1/billing/meters", {"status": params.text("status")})


def deactivate(world: World, params: Params, ident: str) -> Json:
    """Count no more."""
    meter = world.need(KIND, ident)
    meter |= {"status": "inactive", "status_transitions": {"deactivated_at": world.now()}, "updated": world.now()}
    return world.change(meter, "billing.meter.deactivated")


def reactivate(world: World, params: Params, ident: str) -> Json:
    """Count again."""
    meter = world.need(KIND, ident)
    meter |= {"status": "active", "status_transitions": {"deactivated_at": None}, "updated": world.now()}
    return world.change(meter, "billing.meter.reactivated")


def summaries(world: World, params: Params, ident: str) -> Json:
    """What was counted of a customer from one whole minute to another."""
    customer = params.needed("customer")
    start, end = params.needed_whole("start_time"), params.needed_whole("end_time")
    for param, moment in (("start_time", start), ("end_time", end)):
        if moment % MINUTE:
            raise errors.invalid(f"{param} must be aligned with minute boundaries.", param=param)
    world.need(KIND, ident)
    summary = {
        "id": new_id("mtrusg_test_"),
        "object": "billing.meter_event_summary",
        "aggregated_value": float(usage.total(world, ident, customer, start, end)),
        "end_time": end,
        "livemode": False,
        "meter": ident,
        "start_time": start,
    }
    return lists.page_of(params, [summary], f"/v1/billing/meters/{ident}/event_summaries")


ROUTES = (
    ("POST", "/v1/billing/meters", create),
    ("GET", "/v1/billing/meters", list_),
    ("GET", "/v1/billing/meters/{}", retrieve),
    ("POST", "/v1/billing/meters/{}", update),
    ("POST", "/v1/billing/meters/{}/deactivate", deactivate),
    ("POST", "/v1/billing/meters/{}/reactivate", reactivate),
    ("GET", "/v1/billing/meters/{}/event_summaries", summaries),
)
