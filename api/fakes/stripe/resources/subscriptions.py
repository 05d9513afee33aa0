"""Subscriptions: reading them, changing them, ending them."""

from __future__ import annotations

from collections.abc import Sequence

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.clock import DAY
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import (
    amounts,
    cancellation,
    changes,
    payment_methods,
    subscription_items,
    subscription_start,
)
from api.fakes.stripe.simulation.cancellation import ENDED_STATUSES
from api.fakes.stripe.simulation.changes import PRORATION_BEHAVIORS, SubscriptionUpdate
from api.fakes.stripe.simulation.invoice_lines import RequestedItem
from api.fakes.stripe.simulation.subscription_start import MISSING_PAYMENT_METHOD, NewSubscription

KIND = "subscription"
PAYMENT_BEHAVIORS = ("allow_incomplete", "error_if_incomplete", "pending_if_incomplete")
PENDING_UPDATE_PARAMS = (
    "expand",
    "items",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
)
"""What may be changed by `pending_if_incomplete`; Stripe refuses everything else with it."""


def create_subscription(world: StripeAccount, params: Params) -> Json:
    """A new one, without a checkout page."""
    customer = world.require_object("customer", params.required_text("customer"), param="customer")
    wanted = subscription_start.check_billable_together(
        [_read_new_item(world, row) for row in params.nested_list("items")]
    )
    behaviour = params.one_of("payment_behavior", PAYMENT_BEHAVIORS, "allow_incomplete")
    method = params.optional_text("default_payment_method")
    settings = params.nested_params("trial_settings").nested_params("end_behavior")
    terms = NewSubscription(
        customer["id"],
        wanted,
        payment_method=_attach_default_method(world, method, customer["id"]),
        trial_end=_read_trial_end(world, params),
        missing_payment_method=settings.one_of("missing_payment_method", MISSING_PAYMENT_METHOD, "create_invoice"),
        metadata=params.string_map("metadata") or {},
        description=params.optional_text("description"),
    )
    params.ignore_params("off_session", "payment_settings", "collection_method", "automatic_tax", "proration_behavior")
    subscription, fault = subscription_start.start_subscription(world, terms)
    if fault is not None and behaviour == "error_if_incomplete":
        raise fault
    return subscription


def _attach_default_method(world: StripeAccount, name: str | None, customer: str) -> str | None:
    if name is None:
        return None
    found = payment_methods.find_or_create(world, name, param="default_payment_method")
    return str(payment_methods.attach_to_customer(world, found, customer)["id"])


def _read_trial_end(world: StripeAccount, params: Params) -> int | None:
    days = params.optional_int("trial_period_days")
    return params.optional_int("trial_end") or (world.now() + days * DAY if days else None)


def _read_new_item(world: StripeAccount, row: Params) -> RequestedItem:
    price = world.require_object("price", row.required_text("price"), param=row.full_name("price"))
    quantity = row.optional_int("quantity")
    if amounts.is_metered(price) and quantity is not None:
        raise errors.invalid_request(
            "Quantity should not be specified for metered prices.", param=row.full_name("quantity")
        )
    return RequestedItem(price, quantity or 1, metadata=row.string_map("metadata"))


def retrieve_subscription(world: StripeAccount, params: Params, ident: str) -> Json:
    """One of them, ended or not."""
    return world.require_object(KIND, ident)


def list_subscriptions(world: StripeAccount, params: Params) -> Json:
    """Those of a customer or a price; ended ones only if asked for."""
    status = params.optional_text("status")
    where: dict[str, object | None] = {"customer": params.optional_text("customer")}
    if status is None:
        found = _find_subscriptions(world, params, where)
        return lists.paginate_rows(
            params, [one for one in found if one["status"] not in ENDED_STATUSES], "/v1/subscriptions"
        )
    if status == "ended":
        where["status"] = list(ENDED_STATUSES)
    elif status != "all":
        where["status"] = status
    return lists.paginate_rows(params, _find_subscriptions(world, params, where), "/v1/subscriptions")


def _find_subscriptions(world: StripeAccount, params: Params, where: dict[str, object | None]) -> list[Json]:
    asked = {name: value for name, value in where.items() if value is not None} | lists.time_range_conditions(
        params, "created"
    )
    price = params.optional_text("price")
    found = world.store.find_objects(KIND, asked)
    return [one for one in found if price is None or _has_price(one, price)]


def _has_price(subscription: Json, price: str) -> bool:
    return any(item["price"]["id"] == price for item in subscription["items"]["data"])


def update_subscription(world: StripeAccount, params: Params, ident: str) -> Json:
    """Change items, or when it ends, or what pays for it."""
    subscription = _require_live_subscription(world, ident)
    change = _read_update(world, params, subscription)
    if change is not None and change.payment_behavior == "pending_if_incomplete":
        _check_pending_params(params)
    _apply_params(world, params, subscription)
    _apply_cancellation(world, params, subscription)
    params.ignore_params(
        "off_session", "payment_settings", "collection_method", "automatic_tax", "cancellation_details"
    )
    world.update_object(subscription, "customer.subscription.updated")
    return subscription if change is None else changes.apply_update(world, subscription, change)


def _require_live_subscription(world: StripeAccount, ident: str) -> Json:
    subscription = world.require_object(KIND, ident)
    if subscription["status"] in ENDED_STATUSES:
        raise errors.not_found(KIND, ident)
    return subscription


def _check_pending_params(params: Params) -> None:
    others = [name for name in params.values if name not in PENDING_UPDATE_PARAMS]
    if others:
        words = f"You cannot use `payment_behavior=pending_if_incomplete` when updating `{others[0]}`."
        raise errors.invalid_request(words, param=others[0])


def _read_update(world: StripeAccount, params: Params, subscription: Json) -> SubscriptionUpdate | None:
    """The change of items or trial that is asked for, checked."""
    proration = params.one_of("proration_behavior", PRORATION_BEHAVIORS, "create_prorations")
    payment = params.one_of("payment_behavior", PAYMENT_BEHAVIORS, "allow_incomplete")
    at = params.optional_int("proration_date") or world.now()
    over = _should_end_trial(world, params, subscription)
    if not params.has_value("items") and not over:
        return None
    wanted = read_requested_items(world, params, subscription)
    return changes.check_update(subscription, SubscriptionUpdate(wanted, at, proration, payment, ends_trial=over))


def _should_end_trial(world: StripeAccount, params: Params, subscription: Json) -> bool:
    end = params.optional_text("trial_end")
    if end is None:
        return False
    if end != "now" and not (end.isdigit() and int(end) <= world.now()):
        raise errors.invalid_request("This fake Stripe only ends trials, by `now`.", param="trial_end")
    return bool(subscription["status"] == "trialing")


def read_requested_items(world: StripeAccount, params: Params, subscription: Json) -> list[RequestedItem]:
    """The items after a change: those that are not named stay, one without an id is added."""
    have = {
        item["id"]: RequestedItem(item["price"], item.get("quantity") or 1, item)
        for item in _existing_items(subscription)
    }
    new = []
    for row in params.nested_list("items"):
        ident = row.optional_text("id")
        row.ignore_params("clear_usage")
        if ident is None:
            new.append(_read_new_item(world, row))
        elif ident not in have:
            raise errors.not_found("subscription_item", ident, param=row.full_name("id"))
        elif row.optional_bool("deleted"):
            del have[ident]
        else:
            have[ident] = _read_changed_item(world, row, have[ident])
    return list(subscription_start.check_billable_together([*have.values(), *new]))


def _existing_items(subscription: Json) -> Sequence[Json]:
    rows: Sequence[Json] = subscription["items"]["data"]
    return rows


def _read_changed_item(world: StripeAccount, row: Params, old: RequestedItem) -> RequestedItem:
    price = row.optional_text("price")
    found = world.require_object("price", price, param=row.full_name("price")) if price else old.price
    return RequestedItem(
        found, row.optional_int("quantity") or old.quantity, old.existing_item, row.string_map("metadata")
    )


def _apply_params(world: StripeAccount, params: Params, subscription: Json) -> None:
    subscription["metadata"] = params.merge_metadata(subscription["metadata"])
    if params.has_value("description"):
        subscription["description"] = params.optional_text("description")
    if params.has_value("default_payment_method"):
        name = params.optional_text("default_payment_method")
        subscription["default_payment_method"] = _attach_default_method(world, name, subscription["customer"])


def _apply_cancellation(world: StripeAccount, params: Params, subscription: Json) -> None:
    """When it is to end, or that it is to go on."""
    at_end, at = params.optional_bool("cancel_at_period_end"), params.optional_text("cancel_at")
    if at_end is None and not params.has_value("cancel_at"):
        return
    if subscription["schedule"] is not None:
        words = (
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating any "
            "cancelation behavior directly is not allowed. Please update the schedule instead."
        )
        raise errors.invalid_request(words, begun=True)
    end = subscription_items.current_period(subscription)[1]
    moment = end if at_end or at in ("min_period_end", "max_period_end") else int(at) if at else None
    set_cancellation(world, subscription, moment, at_period_end=bool(at_end))


def set_cancellation(world: StripeAccount, subscription: Json, moment: int | None, *, at_period_end: bool) -> None:
    """Let it end then; None lets it go on."""
    details = subscription["cancellation_details"]
    subscription |= {
        "cancel_at": moment,
        "cancel_at_period_end": at_period_end,
        "canceled_at": None if moment is None else world.now(),
        "cancellation_details": {**details, "reason": None if moment is None else "cancellation_requested"},
    }
    end = subscription_items.current_period(subscription)[1]
    world.due_actions.schedule("cycle", subscription["id"], end if moment is None else min(end, moment))


def cancel_subscription(world: StripeAccount, params: Params, ident: str) -> Json:
    """End it now."""
    subscription = _require_live_subscription(world, ident)
    details = params.nested_params("cancellation_details")
    told = {name: details.optional_text(name) for name in ("comment", "feedback") if details.has_value(name)}
    subscription["cancellation_details"] = {**subscription["cancellation_details"], **told}
    return cancellation.end_subscription(
        world,
        subscription,
        invoice_now=bool(params.optional_bool("invoice_now")),
        prorate=bool(params.optional_bool("prorate")),
    )


ROUTES = (
    ("POST", "/v1/subscriptions", create_subscription),
    ("GET", "/v1/subscriptions", list_subscriptions),
    ("GET", "/v1/subscriptions/{}", retrieve_subscription),
    ("POST", "/v1/subscriptions/{}", update_subscription),
    ("DELETE", "/v1/subscriptions/{}", cancel_subscription),
)
