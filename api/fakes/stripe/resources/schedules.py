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


def create_schedule(world: StripeAccount, params: Params) -> Json:
    """A schedule around a subscription that is there."""
    subscription = world.require_object(
        "subscription", params.required_text("from_subscription"), param="from_subscription"
    )
    if len(params.values.keys() - {"expand"}) > 1:
        words = "You cannot set any other parameter if `from_subscription` is set."
        raise errors.invalid_request(words, param="from_subscription")
    if subscription["schedule"] is not None:
        words = "You cannot migrate a subscription that is already attached to a schedule: "
        raise errors.invalid_request(f"{words}{subscription['schedule']}.", begun=True)
    if subscription["ended_at"] is not None:
        raise errors.invalid_request("You cannot migrate a canceled subscription.", begun=True)
    return schedules.create_from_subscription(world, subscription)


def retrieve_schedule(world: StripeAccount, params: Params, ident: str) -> Json:
    """One of them."""
    return world.require_object(KIND, ident)


def list_schedules(world: StripeAccount, params: Params) -> Json:
    """Those of a customer."""
    where = {"customer": params.optional_text("customer")}
    return lists.list_page(world, params, KIND, "/v1/subscription_schedules", where)


def update_schedule(world: StripeAccount, params: Params, ident: str) -> Json:
    """Other phases, or what happens after the last."""
    schedule = _require_active_schedule(world, ident)
    schedule["end_behavior"] = params.one_of("end_behavior", END_BEHAVIORS, schedule["end_behavior"])
    schedule["metadata"] = params.merge_metadata(schedule["metadata"])
    params.ignore_params("proration_behavior")
    if params.has_value("phases"):
        return schedules.replace_phases(world, schedule, _read_phases(world, params, schedule))
    return world.update_object(schedule, "subscription_schedule.updated")


def _require_active_schedule(world: StripeAccount, ident: str) -> Json:
    schedule = world.require_object(KIND, ident)
    if schedule["status"] != "active":
        words = f"You cannot update a subscription schedule that is currently in the `{schedule['status']}` status."
        raise errors.invalid_request(f"{words} It must be in `not_started` or `active`.", begun=True)
    return schedule


def _read_phases(world: StripeAccount, params: Params, schedule: Json) -> list[Json]:
    found: list[Json] = []
    for row in params.nested_list("phases"):
        start = found[-1]["end_date"] if found else schedule["current_phase"]["start_date"]
        found.append(_read_phase(world, row, start, schedule))
    return found


def _read_phase(world: StripeAccount, row: Params, start: int, schedule: Json) -> Json:
    asked = row.optional_text("start_date")
    start = start if asked is None else world.now() if asked == "now" else int(asked)
    rows = [_read_phase_item(world, item) for item in row.nested_list("items")]
    if not rows:
        raise errors.missing_parameter(row.full_name("items"))
    proration = row.one_of("proration_behavior", PRORATION_BEHAVIORS, "create_prorations")
    row.ignore_params("collection_method", "default_payment_method", "description", "currency", "automatic_tax")
    end = row.optional_int("end_date") or schedules.phase_end(world, rows[0]["price"], start, _read_duration(row))
    currency = schedule["phases"][0]["currency"]
    return schedules.new_phase(currency, rows, start, end, row.string_map("metadata") or {}, proration)


def _read_duration(row: Params) -> tuple[str, int] | None:
    if not row.has_value("duration"):
        return None
    asked = row.nested_params("duration")
    return asked.required_text("interval"), asked.optional_int("interval_count") or 1


def _read_phase_item(world: StripeAccount, row: Params) -> Json:
    price = world.require_object("price", row.required_text("price"), param=row.full_name("price"))
    quantity = row.optional_int("quantity")
    row.ignore_params("metadata")
    return schedules.new_phase_item(price["id"], None if amounts.is_metered(price) else quantity or 1)


def release_schedule(world: StripeAccount, params: Params, ident: str) -> Json:
    """Let go of the subscription."""
    params.ignore_params("preserve_cancel_date")
    return schedules.release_subscription(world, _require_active_schedule(world, ident))


ROUTES = (
    ("POST", "/v1/subscription_schedules", create_schedule),
    ("GET", "/v1/subscription_schedules", list_schedules),
    ("GET", "/v1/subscription_schedules/{}", retrieve_schedule),
    ("POST", "/v1/subscription_schedules/{}", update_schedule),
    ("POST", "/v1/subscription_schedules/{}/release", release_schedule),
)
