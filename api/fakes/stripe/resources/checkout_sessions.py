"""Checkout sessions: pages at which a customer pays or subscribes. The page itself is in `pages/`."""

from __future__ import annotations

from typing import Any

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import PRIVATE, StripeAccount, new_id
from api.fakes.stripe.clock import DAY, HOUR
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.resources import checkout_line_items
from api.fakes.stripe.simulation import checkout_sessions
from api.fakes.stripe.simulation.subscription_start import MISSING_PAYMENT_METHOD

KIND = "checkout.session"
MODES = ("payment", "subscription")
IGNORED_PARAMS = (
    "adaptive_pricing",
    "automatic_tax",
    "branding_settings",
    "consent_collection",
    "custom_text",
    "customer_update",
    "phone_number_collection",
    "saved_payment_method_options",
    "tax_id_collection",
)
"""Parameters that are accepted and change nothing here."""


def create_checkout_session(account: StripeAccount, params: Params) -> Json:
    mode = params.one_of("mode", MODES, "") or _raise_missing_mode()
    line_items = [
        checkout_line_items.read_line_item(account, item_params, mode)
        for item_params in params.nested_list("line_items")
    ]
    if not line_items:
        raise errors.missing_parameter("line_items")
    session = _new_session(account, params, mode, line_items)
    session[PRIVATE] |= _completion_settings(account, params, mode)
    params.ignore_params(*IGNORED_PARAMS)
    account.due_actions.schedule("expire_session", session["id"], session["expires_at"])
    return account.create_object(session)


def _raise_missing_mode() -> str:
    raise errors.missing_parameter("mode")


SESSION_DEFAULTS: Json = {
    "adaptive_pricing": {"enabled": False},
    "after_expiration": None,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "discounts": [],
    "integration_identifier": None,
    "invoice": None,
    "livemode": False,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "payment_status": "unpaid",
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "subscription": None,
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "wallet_options": None,
}
"""Members of a new session."""


def _new_session(account: StripeAccount, params: Params, mode: str, line_items: list[Json]) -> Json:
    session_id = new_id("cs_test_", 58)
    total = sum(row["amount_total"] for row in line_items)
    trial = mode == "subscription" and any(
        params.values.get("subscription_data", {}).get(name) for name in ("trial_period_days", "trial_end")
    )
    due = 0 if trial else total
    session: Json = {
        **SESSION_DEFAULTS,
        "id": session_id,
        "object": KIND,
        "allow_promotion_codes": params.optional_bool("allow_promotion_codes"),
        "amount_subtotal": due,
        "amount_total": due,
        "billing_address_collection": params.optional_text("billing_address_collection"),
        "cancel_url": params.optional_text("cancel_url"),
        "client_reference_id": params.optional_text("client_reference_id"),
        "created": account.now(),
        "currency": line_items[0]["currency"],
        "expires_at": _read_expires_at(account, params),
        "invoice_creation": _invoice_creation(params) if mode == "payment" else None,
        "locale": params.optional_text("locale"),
        "metadata": params.string_map("metadata") or {},
        "mode": mode,
        "origin_context": params.optional_text("origin_context"),
        "payment_method_collection": params.one_of(
            "payment_method_collection",
            ("always", "if_required"),
            "always" if mode == "subscription" else "if_required",
        ),
        "payment_method_types": params.string_list("payment_method_types") or ["card"],
        "submit_type": params.optional_text("submit_type"),
        "success_url": params.required_text("success_url"),
        "ui_mode": params.one_of("ui_mode", ("hosted_page",), "hosted_page"),
        "url": f"{account.base_url}/c/pay/{session_id}",
        PRIVATE: {"items": line_items},
    }
    return {**session, **_customer_members(account, params, mode)}


def _customer_members(account: StripeAccount, params: Params, mode: str) -> Json:
    customer, email = params.optional_text("customer"), params.optional_text("customer_email")
    creation = params.optional_text("customer_creation")
    if customer is not None:
        if email is not None:
            message = "You may only specify one of these parameters: customer, customer_email."
            raise errors.invalid_request(message, param="customer")
        existing = account.require_object("customer", customer, param="customer")
        if "deleted" in existing:
            raise errors.not_found("customer", customer, param="customer")
        members = {name: existing[name] for name in ("email", "name", "phone", "tax_exempt")}
        details: Json | None = {**members, "address": existing["address"], "tax_ids": None}
    else:
        details = {"email": email, "name": None, "phone": None, "tax_exempt": "none", "address": None, "tax_ids": None}
        creation = creation or ("always" if mode == "subscription" else "if_required")
    return {
        "customer": customer,
        "customer_account": None,
        "customer_creation": creation,
        "customer_details": details if customer or email else None,
        "customer_email": email,
    }


def _read_expires_at(account: StripeAccount, params: Params) -> int:
    expires_at, now = params.optional_int("expires_at"), account.now()
    if expires_at is not None and not now + HOUR // 2 <= expires_at <= now + DAY:
        message = "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from now."
        raise errors.invalid_request(message, param="expires_at")
    return expires_at or now + DAY


def _invoice_creation(params: Params) -> Json:
    if params.nested_params("invoice_creation").optional_bool("enabled"):
        raise errors.invalid_request(
            "This fake Stripe makes no invoices for single payments.", param="invoice_creation"
        )
    return {
        "enabled": False,
        "invoice_data": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": None,
            "metadata": {},
            "rendering_options": None,
        },
    }


def _completion_settings(account: StripeAccount, params: Params, mode: str) -> Json:
    """Private settings for the payment or the subscription that completion creates."""
    if mode == "payment":
        data = params.nested_params("payment_intent_data")
        settings: dict[str, Any] = {name: data.optional_text(name) for name in ("description", "setup_future_usage")}
        data.ignore_params("receipt_email", "statement_descriptor_suffix")
        return {"intent": {**settings, "metadata": data.string_map("metadata") or {}}}
    data = params.nested_params("subscription_data")
    days, end = data.optional_int("trial_period_days"), data.optional_int("trial_end")
    end_behavior = data.nested_params("trial_settings").nested_params("end_behavior")
    return {
        "subscription": {
            "days": days,
            "description": data.optional_text("description"),
            "metadata": data.string_map("metadata") or {},
            "trial_end": end,
            "without_method": end_behavior.one_of("missing_payment_method", MISSING_PAYMENT_METHOD, "create_invoice"),
        }
    }


def retrieve_checkout_session(account: StripeAccount, params: Params, session_id: str) -> Json:
    return account.require_object(KIND, session_id)


def update_checkout_session(account: StripeAccount, params: Params, session_id: str) -> Json:
    """Only the metadata can be updated."""
    session = account.require_object(KIND, session_id)
    session["metadata"] = params.string_map("metadata") or {}
    return account.update_object(session)


def list_checkout_sessions(account: StripeAccount, params: Params) -> Json:
    """Filter by customer, payment intent, subscription or status."""
    details = params.nested_params("customer_details")
    where = {
        name: params.optional_text(name)
        for name in ("customer", "payment_intent", "subscription", "status", "payment_link")
    }
    return lists.list_page(
        account,
        params,
        KIND,
        "/v1/checkout/sessions",
        {**where, "customer_details.email": details.optional_text("email")},
    )


def expire_checkout_session(account: StripeAccount, params: Params, session_id: str) -> Json:
    session = account.require_object(KIND, session_id)
    if session["status"] != "open":
        message = "Only Checkout Sessions with a status in [`open`] can be expired."
        raise errors.invalid_request(
            f"{message} This Checkout Session has a status of `{session['status']}`.", begun=True
        )
    return checkout_sessions.expire_session(account, session)


ROUTES = (
    ("POST", "/v1/checkout/sessions", create_checkout_session),
    ("GET", "/v1/checkout/sessions", list_checkout_sessions),
    ("GET", "/v1/checkout/sessions/{}", retrieve_checkout_session),
    ("POST", "/v1/checkout/sessions/{}", update_checkout_session),
    ("POST", "/v1/checkout/sessions/{}/expire", expire_checkout_session),
)
