"""Subscription schedules."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import amounts, schedules
from api.fakes.stripe.simulation.changes import PRORATION_BEHAVIORS

KIND = "subscription_schedule"
END_BEHAVIORS = ("cancel", "release")


def create_schedule(account: StripeAccount, params: Params) -> Json:
    """Create a schedule from an existing subscription."""
    subscription = account.require_object(
        "subscription", params.required_text("from_subscription"), param="from_subscription"
    )
    if len(params.values.keys() - {"expand"}) > 1:
        message = "You cannot set any other parameter if `from_subscription` is set."
        raise errors.invalid_request(message, param="from_subscription")
    if subscription["schedule"] is not None:
        message = "You cannot migrate a subscription that is already attached to a schedule: "
        raise errors.invalid_request(f"{message}{subscription['schedule']}.", begun=True)
    if subscription["ended_at"] is not None:
        raise errors.invalid_request("You cannot migrate a canceled subscription.", begun=True)
    return schedules.create_from_subscription(account, subscription)


def retrieve_schedule(account: StripeAccount, params: Params, schedule_id: str) -> Json:
    return account.require_object(KIND, schedule_id)


def list_schedules(account: StripeAccount, params: Params) -> Json:
    where = {"customer": params.optional_text("customer")}
    return lists.list_page(account, params, KIND, "/v1/subscription_schedules", where)


def update_schedule(account: StripeAccount, params: Params, schedule_id: str) -> Json:
    schedule = _require_active_schedule(account, schedule_id)
    schedule["end_behavior"] = params.one_of("end_behavior", END_BEHAVIORS, schedule["end_behavior"])
    schedule["metadata"] = params.merge_metadata(schedule["metadata"])
    params.ignore_params("proration_behavior")
    if params.has_value("phases"):
        return schedules.replace_phases(account, schedule, _read_phases(account, params, schedule))
    return account.update_object(schedule, "subscription_schedule.updated")


def _require_active_schedule(account: StripeAccount, schedule_id: str) -> Json:
    schedule = account.require_object(KIND, schedule_id)
    if schedule["status"] != "active":
        message = f"You cannot update a subscription schedule that is currently in the `{schedule['status']}` status."
        raise errors.invalid_request(f"{message} It must be in `not_started` or `active`.", begun=True)
    return schedule


def _read_phases(account: StripeAccount, params: Params, schedule: Json) -> list[Json]:
    phases: list[Json] = []
    for row in params.nested_list("phases"):
        start = phases[-1]["end_date"] if phases else schedule["current_phase"]["start_date"]
        phases.append(_read_phase(account, row, start, schedule))
    return phases


def _read_phase(account: StripeAccount, row: Params, start: int, schedule: Json) -> Json:
    start_date = row.optional_text("start_date")
    start = start if start_date is None else account.now() if start_date == "now" else int(start_date)
    items = [_read_phase_item(account, item) for item in row.nested_list("items")]
    if not items:
        raise errors.missing_parameter(row.full_name("items"))
    proration = row.one_of("proration_behavior", PRORATION_BEHAVIORS, "create_prorations")
    row.ignore_params("collection_method", "default_payment_method", "description", "currency", "automatic_tax")
    end = row.optional_int("end_date") or schedules.phase_end(account, items[0]["price"], start, _read_duration(row))
    currency = schedule["phases"][0]["currency"]
    return schedules.new_phase(currency, items, start, end, row.string_map("metadata") or {}, proration)


def _read_duration(row: Params) -> tuple[str, int] | None:
    if not row.has_value("duration"):
        return None
    duration = row.nested_params("duration")
    return duration.required_text("interval"), duration.optional_int("interval_count") or 1


def _read_phase_item(account: StripeAccount, row: Params) -> Json:
    price = account.require_object("price", row.required_text("price"), param=row.full_name("price"))
    quantity = row.optional_int("quantity")
    row.ignore_params("metadata")
    return schedules.new_phase_item(price["id"], None if amounts.is_metered(price) else quantity or 1)


def release_schedule(account: StripeAccount, params: Params, schedule_id: str) -> Json:
    params.ignore_params("preserve_cancel_date")
    return schedules.release_subscription(account, _require_active_schedule(account, schedule_id))


ROUTES = (
    ("POST", "/v1/subscription_schedules", create_schedule),
    ("GET", "/v1/subscription_schedules", list_schedules),
    ("GET", "/v1/subscription_schedules/{}", retrieve_schedule),
    ("POST", "/v1/subscription_schedules/{}", update_schedule),
    ("POST", "/v1/subscription_schedules/{}/release", release_schedule),
)
