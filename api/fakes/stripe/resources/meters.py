"""Billing meters and summaries of their usage."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import usage

KIND = "billing.meter"
FORMULAS = ("count", "last", "sum")
MINUTE = 60


def create_meter(account: StripeAccount, params: Params) -> Json:
    """Create a meter. Two active meters cannot have the same event name."""
    name = params.required_text("event_name")
    if account.store.find_first(KIND, {"event_name": name, "status": "active"}):
        message = f"An active meter for event name '{name}' already exists."
        raise errors.invalid_request(message, code="resource_already_exists", param="event_name", begun=True)
    mapping, value = params.nested_params("customer_mapping"), params.nested_params("value_settings")
    mapping.ignore_params("type")
    formula = params.nested_params("default_aggregation").one_of("formula", FORMULAS, "")
    if not formula:
        raise errors.missing_parameter("default_aggregation[formula]")
    meter: Json = {
        "id": new_id("mtr_test_"),
        "object": KIND,
        "created": account.now(),
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
        "updated": account.now(),
        "value_settings": {"event_payload_key": value.optional_text("event_payload_key") or "value"},
    }
    return account.create_object(meter, "billing.meter.created")


def retrieve_meter(account: StripeAccount, params: Params, meter_id: str) -> Json:
    return account.require_object(KIND, meter_id)


def update_meter(account: StripeAccount, params: Params, meter_id: str) -> Json:
    """Only the display name can be updated."""
    meter = account.require_object(KIND, meter_id)
    meter |= {"display_name": params.optional_text("display_name") or meter["display_name"], "updated": account.now()}
    return account.update_object(meter, "billing.meter.updated")


def list_meters(account: StripeAccount, params: Params) -> Json:
    return lists.list_page(account, params, KIND, "/v1/billing/meters", {"status": params.optional_text("status")})


def deactivate_meter(account: StripeAccount, params: Params, meter_id: str) -> Json:
    meter = account.require_object(KIND, meter_id)
    meter |= {"status": "inactive", "status_transitions": {"deactivated_at": account.now()}, "updated": account.now()}
    return account.update_object(meter, "billing.meter.deactivated")


def reactivate_meter(account: StripeAccount, params: Params, meter_id: str) -> Json:
    meter = account.require_object(KIND, meter_id)
    meter |= {"status": "active", "status_transitions": {"deactivated_at": None}, "updated": account.now()}
    return account.update_object(meter, "billing.meter.reactivated")


def list_event_summaries(account: StripeAccount, params: Params, meter_id: str) -> Json:
    """A customer's usage between two times, which must be whole minutes."""
    customer = params.required_text("customer")
    start, end = params.required_int("start_time"), params.required_int("end_time")
    for param, moment in (("start_time", start), ("end_time", end)):
        if moment % MINUTE:
            raise errors.invalid_request(f"{param} must be aligned with minute boundaries.", param=param)
    account.require_object(KIND, meter_id)
    summary = {
        "id": new_id("mtrusg_test_"),
        "object": "billing.meter_event_summary",
        "aggregated_value": float(usage.total_usage(account, meter_id, customer, start, end)),
        "end_time": end,
        "livemode": False,
        "meter": meter_id,
        "start_time": start,
    }
    return lists.paginate_rows(params, [summary], f"/v1/billing/meters/{meter_id}/event_summaries")


ROUTES = (
    ("POST", "/v1/billing/meters", create_meter),
    ("GET", "/v1/billing/meters", list_meters),
    ("GET", "/v1/billing/meters/{}", retrieve_meter),
    ("POST", "/v1/billing/meters/{}", update_meter),
    ("POST", "/v1/billing/meters/{}/deactivate", deactivate_meter),
    ("POST", "/v1/billing/meters/{}/reactivate", reactivate_meter),
    ("GET", "/v1/billing/meters/{}/event_summaries", list_event_summaries),
)
