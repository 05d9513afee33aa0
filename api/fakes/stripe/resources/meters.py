"""Billing meters and the usage they have summed up."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import usage

KIND = "billing.meter"
FORMULAS = ("count", "last", "sum")
MINUTE = 60


def create_meter(world: StripeAccount, params: Params) -> Json:
    """A new meter. Two active ones cannot count events of one name."""
    name = params.required_text("event_name")
    if world.store.find_first(KIND, {"event_name": name, "status": "active"}):
        words = f"An active meter for event name '{name}' already exists."
        raise errors.invalid_request(words, code="resource_already_exists", param="event_name", begun=True)
    mapping, value = params.nested_params("customer_mapping"), params.nested_params("value_settings")
    mapping.ignore_params("type")
    formula = params.nested_params("default_aggregation").one_of("formula", FORMULAS, "")
    if not formula:
        raise errors.missing_parameter("default_aggregation[formula]")
    meter: Json = {
        "id": new_id("mtr_test_"),
        "object": KIND,
        "created": world.now(),
        "customer_mapping": {
            "event_payload_key": mapping.optional_text("event_payload_key") or "stripe_customer_id",
            "type": "by_id",
        },
        "default_aggregation": {"formula": formula},
        "display_name": params.required_text("display_name"),
        "event_name": name,
        "event_time_window": params.optional_text("event_time_window"),
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": world.now(),
        "value_settings": {"event_payload_key": value.optional_text("event_payload_key") or "value"},
    }
    return world.create_object(meter, "billing.meter.created")


def retrieve_meter(world: StripeAccount, params: Params, ident: str) -> Json:
    """One of them."""
    return world.require_object(KIND, ident)


def update_meter(world: StripeAccount, params: Params, ident: str) -> Json:
    """Change what it is called."""
    meter = world.require_object(KIND, ident)
    meter |= {"display_name": params.optional_text("display_name") or meter["display_name"], "updated": world.now()}
    return world.update_object(meter, "billing.meter.updated")


def list_meters(world: StripeAccount, params: Params) -> Json:
    """All, or those in a state."""
    return lists.list_page(world, params, KIND, "/v1/billing/meters", {"status": params.optional_text("status")})


def deactivate_meter(world: StripeAccount, params: Params, ident: str) -> Json:
    """Count no more."""
    meter = world.require_object(KIND, ident)
    meter |= {"status": "inactive", "status_transitions": {"deactivated_at": world.now()}, "updated": world.now()}
    return world.update_object(meter, "billing.meter.deactivated")


def reactivate_meter(world: StripeAccount, params: Params, ident: str) -> Json:
    """Count again."""
    meter = world.require_object(KIND, ident)
    meter |= {"status": "active", "status_transitions": {"deactivated_at": None}, "updated": world.now()}
    return world.update_object(meter, "billing.meter.reactivated")


def list_event_summaries(world: StripeAccount, params: Params, ident: str) -> Json:
    """What was counted of a customer from one whole minute to another."""
    customer = params.required_text("customer")
    start, end = params.required_int("start_time"), params.required_int("end_time")
    for param, moment in (("start_time", start), ("end_time", end)):
        if moment % MINUTE:
            raise errors.invalid_request(f"{param} must be aligned with minute boundaries.", param=param)
    world.require_object(KIND, ident)
    summary = {
        "id": new_id("mtrusg_test_"),
        "object": "billing.meter_event_summary",
        "aggregated_value": float(usage.total_usage(world, ident, customer, start, end)),
        "end_time": end,
        "livemode": False,
        "meter": ident,
        "start_time": start,
    }
    return lists.paginate_rows(params, [summary], f"/v1/billing/meters/{ident}/event_summaries")


ROUTES = (
    ("POST", "/v1/billing/meters", create_meter),
    ("GET", "/v1/billing/meters", list_meters),
    ("GET", "/v1/billing/meters/{}", retrieve_meter),
    ("POST", "/v1/billing/meters/{}", update_meter),
    ("POST", "/v1/billing/meters/{}/deactivate", deactivate_meter),
    ("POST", "/v1/billing/meters/{}/reactivate", reactivate_meter),
    ("GET", "/v1/billing/meters/{}/event_summaries", list_event_summaries),
)
