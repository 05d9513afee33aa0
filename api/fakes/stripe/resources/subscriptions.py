"""Subscriptions: create, read, update and cancel."""

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
from api.fakes.stripe.simulation.changes import PRORATION_BEHAVIORS, SubscriptionUpdateRequest
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
"""Parameters allowed with `pending_if_incomplete`; Stripe rejects all others."""


def create_subscription(account: StripeAccount, params: Params) -> Json:
    """Create a subscription without a checkout session."""
    customer = account.require_object("customer", params.required_text("customer"), param="customer")
    items = subscription_start.check_billable_together(
        [_read_new_item(account, row) for row in params.nested_list("items")]
    )
    payment_behavior = params.one_of("payment_behavior", PAYMENT_BEHAVIORS, "allow_incomplete")
    payment_method_id = params.optional_text("default_payment_method")
    end_behavior = params.nested_params("trial_settings").nested_params("end_behavior")
    request = NewSubscription(
        customer["id"],
        items,
        payment_method=_attach_default_method(account, payment_method_id, customer["id"]),
        trial_end=_read_trial_end(account, params),
        missing_payment_method=end_behavior.one_of("missing_payment_method", MISSING_PAYMENT_METHOD, "create_invoice"),
        metadata=params.string_map("metadata") or {},
        description=params.optional_text("description"),
    )
    params.ignore_params("off_session", "payment_settings", "collection_method", "automatic_tax", "proration_behavior")
    subscription, error = subscription_start.start_subscription(account, request)
    if error is not None and payment_behavior == "error_if_incomplete":
        raise error
    return subscription


def _attach_default_method(account: StripeAccount, payment_method_id: str | None, customer_id: str) -> str | None:
    if payment_method_id is None:
        return None
    payment_method = payment_methods.find_or_create(account, payment_method_id, param="default_payment_method")
    return str(payment_methods.attach_to_customer(account, payment_method, customer_id)["id"])


def _read_trial_end(account: StripeAccount, params: Params) -> int | None:
    days = params.optional_int("trial_period_days")
    return params.optional_int("trial_end") or (account.now() + days * DAY if days else None)


def _read_new_item(account: StripeAccount, row: Params) -> RequestedItem:
    price = account.require_object("price", row.required_text("price"), param=row.full_name("price"))
    quantity = row.optional_int("quantity")
    if amounts.is_metered(price) and quantity is not None:
        raise errors.invalid_request(
            "Quantity should not be specified for metered prices.", param=row.full_name("quantity")
        )
    return RequestedItem(price, quantity or 1, metadata=row.string_map("metadata"))


def retrieve_subscription(account: StripeAccount, params: Params, subscription_id: str) -> Json:
    return account.require_object(KIND, subscription_id)


def list_subscriptions(account: StripeAccount, params: Params) -> Json:
    """Filter by customer, price or status; ended ones are only listed by status."""
    status = params.optional_text("status")
    where: dict[str, object | None] = {"customer": params.optional_text("customer")}
    if status is None:
        subscriptions = _find_subscriptions(account, params, where)
        return lists.paginate_rows(
            params,
            [subscription for subscription in subscriptions if subscription["status"] not in ENDED_STATUSES],
            "/v1/subscriptions",
        )
    if status == "ended":
        where["status"] = list(ENDED_STATUSES)
    elif status != "all":
        where["status"] = status
    return lists.paginate_rows(params, _find_subscriptions(account, params, where), "/v1/subscriptions")


def _find_subscriptions(account: StripeAccount, params: Params, where: dict[str, object | None]) -> list[Json]:
    conditions = {name: value for name, value in where.items() if value is not None} | lists.time_range_conditions(
        params, "created"
    )
    price = params.optional_text("price")
    subscriptions = account.store.find_objects(KIND, conditions)
    return [subscription for subscription in subscriptions if price is None or _has_price(subscription, price)]


def _has_price(subscription: Json, price: str) -> bool:
    return any(item["price"]["id"] == price for item in subscription["items"]["data"])


def update_subscription(account: StripeAccount, params: Params, subscription_id: str) -> Json:
    subscription = _require_live_subscription(account, subscription_id)
    update = _read_update(account, params, subscription)
    if update is not None and update.payment_behavior == "pending_if_incomplete":
        _check_pending_params(params)
    _apply_params(account, params, subscription)
    _apply_cancellation(account, params, subscription)
    params.ignore_params(
        "off_session", "payment_settings", "collection_method", "automatic_tax", "cancellation_details"
    )
    account.update_object(subscription, "customer.subscription.updated")
    return subscription if update is None else changes.apply_update(account, subscription, update)


def _require_live_subscription(account: StripeAccount, subscription_id: str) -> Json:
    subscription = account.require_object(KIND, subscription_id)
    if subscription["status"] in ENDED_STATUSES:
        raise errors.not_found(KIND, subscription_id)
    return subscription


def _check_pending_params(params: Params) -> None:
    others = [name for name in params.values if name not in PENDING_UPDATE_PARAMS]
    if others:
        message = f"You cannot use `payment_behavior=pending_if_incomplete` when updating `{others[0]}`."
        raise errors.invalid_request(message, param=others[0])


def _read_update(account: StripeAccount, params: Params, subscription: Json) -> SubscriptionUpdateRequest | None:
    """The update of items or trial; None if there is none. Raises StripeError."""
    proration = params.one_of("proration_behavior", PRORATION_BEHAVIORS, "create_prorations")
    payment_behavior = params.one_of("payment_behavior", PAYMENT_BEHAVIORS, "allow_incomplete")
    proration_date = params.optional_int("proration_date") or account.now()
    ends_trial = _should_end_trial(account, params, subscription)
    if not params.has_value("items") and not ends_trial:
        return None
    items = read_requested_items(account, params, subscription)
    return changes.check_update(
        subscription,
        SubscriptionUpdateRequest(items, proration_date, proration, payment_behavior, ends_trial=ends_trial),
    )


def _should_end_trial(account: StripeAccount, params: Params, subscription: Json) -> bool:
    end = params.optional_text("trial_end")
    if end is None:
        return False
    if end != "now" and not (end.isdigit() and int(end) <= account.now()):
        raise errors.invalid_request("This fake Stripe only ends trials, by `now`.", param="trial_end")
    return bool(subscription["status"] == "trialing")


def read_requested_items(account: StripeAccount, params: Params, subscription: Json) -> list[RequestedItem]:
    """The items after the update: items that are not named stay, entries without an id are added."""
    requested = {
        item["id"]: RequestedItem(item["price"], item.get("quantity") or 1, item)
        for item in _existing_items(subscription)
    }
    added = []
    for row in params.nested_list("items"):
        item_id = row.optional_text("id")
        row.ignore_params("clear_usage")
        if item_id is None:
            added.append(_read_new_item(account, row))
        elif item_id not in requested:
            raise errors.not_found("subscription_item", item_id, param=row.full_name("id"))
        elif row.optional_bool("deleted"):
            del requested[item_id]
        else:
            requested[item_id] = _read_changed_item(account, row, requested[item_id])
    return list(subscription_start.check_billable_together([*requested.values(), *added]))


def _existing_items(subscription: Json) -> Sequence[Json]:
    rows: Sequence[Json] = subscription["items"]["data"]
    return rows


def _read_changed_item(account: StripeAccount, row: Params, requested: RequestedItem) -> RequestedItem:
    price = row.optional_text("price")
    new_price = account.require_object("price", price, param=row.full_name("price")) if price else requested.price
    return RequestedItem(
        new_price,
        row.optional_int("quantity") or requested.quantity,
        requested.existing_item,
        row.string_map("metadata"),
    )


def _apply_params(account: StripeAccount, params: Params, subscription: Json) -> None:
    subscription["metadata"] = params.merge_metadata(subscription["metadata"])
    if params.has_value("description"):
        subscription["description"] = params.optional_text("description")
    if params.has_value("default_payment_method"):
        payment_method_id = params.optional_text("default_payment_method")
        subscription["default_payment_method"] = _attach_default_method(
            account, payment_method_id, subscription["customer"]
        )


def _apply_cancellation(account: StripeAccount, params: Params, subscription: Json) -> None:
    """Apply `cancel_at_period_end` and `cancel_at`."""
    at_end, at = params.optional_bool("cancel_at_period_end"), params.optional_text("cancel_at")
    if at_end is None and not params.has_value("cancel_at"):
        return
    if subscription["schedule"] is not None:
        message = (
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating any "
            "cancelation behavior directly is not allowed. Please update the schedule instead."
        )
        raise errors.invalid_request(message, begun=True)
    end = subscription_items.current_period(subscription)[1]
    moment = end if at_end or at in ("min_period_end", "max_period_end") else int(at) if at else None
    set_cancellation(account, subscription, moment, at_period_end=bool(at_end))


def set_cancellation(account: StripeAccount, subscription: Json, moment: int | None, *, at_period_end: bool) -> None:
    """Cancel the subscription at `moment`; None removes a scheduled cancellation."""
    details = subscription["cancellation_details"]
    subscription |= {
        "cancel_at": moment,
        "cancel_at_period_end": at_period_end,
        "canceled_at": None if moment is None else account.now(),
        "cancellation_details": {**details, "reason": None if moment is None else "cancellation_requested"},
    }
    end = subscription_items.current_period(subscription)[1]
    account.due_actions.schedule("cycle", subscription["id"], end if moment is None else min(end, moment))


def cancel_subscription(account: StripeAccount, params: Params, subscription_id: str) -> Json:
    """Cancel the subscription now."""
    subscription = _require_live_subscription(account, subscription_id)
    details = params.nested_params("cancellation_details")
    feedback = {name: details.optional_text(name) for name in ("comment", "feedback") if details.has_value(name)}
    subscription["cancellation_details"] = {**subscription["cancellation_details"], **feedback}
    return cancellation.end_subscription(
        account,
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
