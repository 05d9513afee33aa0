"""The customer portal: its configurations and sessions. The pages are in `pages/`."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import PRIVATE, StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation.changes import PRORATION_BEHAVIORS

CONFIGURATION, SESSION = "billing_portal.configuration", "billing_portal.session"
CUSTOMER_UPDATES = ("address", "email", "name", "phone", "shipping", "tax_id")
FLOW_TYPES = ("payment_method_update", "subscription_cancel")


def create_configuration(account: StripeAccount, params: Params) -> Json:
    now = account.now()
    configuration: Json = {
        "id": new_id("bpc_1"),
        "object": CONFIGURATION,
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": now,
        "default_return_url": None,
        "features": _default_features(),
        "is_default": account.store.find_first(CONFIGURATION, {"active": True}) is None,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": now,
    }
    return account.create_object(_apply_params(params, configuration), "billing_portal.configuration.created")


def _default_features() -> Json:
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def _apply_params(params: Params, configuration: Json) -> Json:
    if params.has_value("active"):
        configuration["active"] = params.optional_bool("active")
    for name in ("default_return_url", "name"):
        if params.has_value(name):
            configuration[name] = params.optional_text(name)
    if params.has_value("business_profile"):
        profile = params.nested_params("business_profile")
        changes = {
            name: profile.optional_text(name) for name in configuration["business_profile"] if profile.has_value(name)
        }
        configuration["business_profile"] = {**configuration["business_profile"], **changes}
    configuration["metadata"] = params.merge_metadata(configuration["metadata"])
    configuration["features"] = _apply_features(params.nested_params("features"), configuration["features"])
    params.ignore_params("login_page")
    return configuration


def _apply_features(params: Params, current: Json) -> Json:
    features = {name: dict(feature) for name, feature in current.items()}
    for name, feature in features.items():
        if params.has_value(name):
            flag = params.nested_params(name).optional_bool("enabled")
            feature["enabled"] = feature["enabled"] if flag is None else flag
    update, cancel = params.nested_params("customer_update"), params.nested_params("subscription_cancel")
    if update.has_value("allowed_updates"):
        features["customer_update"]["allowed_updates"] = update.string_list("allowed_updates") or []
    cancellation = features["subscription_cancel"]
    cancellation["mode"] = cancel.one_of("mode", ("at_period_end", "immediately"), cancellation["mode"])
    cancellation["proration_behavior"] = cancel.one_of(
        "proration_behavior", PRORATION_BEHAVIORS, cancellation["proration_behavior"]
    )
    if cancel.has_value("cancellation_reason"):
        reason = cancel.nested_params("cancellation_reason")
        reasons = {"enabled": bool(reason.optional_bool("enabled")), "options": reason.string_list("options") or []}
        cancellation["cancellation_reason"] = reasons
    return _refuse_plan_changes(params, features)


def _refuse_plan_changes(params: Params, features: Json) -> Json:
    """Reject features that the portal page does not implement."""
    if features["subscription_update"]["enabled"] or features["subscription_pause"]["enabled"]:
        message = "The portal of this fake Stripe changes and pauses no plans."
        raise errors.invalid_request(message, param="features[subscription_update][enabled]")
    params.nested_params("subscription_update").ignore_params(
        "default_allowed_updates", "products", "proration_behavior"
    )
    return features


def retrieve_configuration(account: StripeAccount, params: Params, configuration_id: str) -> Json:
    return account.require_object(CONFIGURATION, configuration_id)


def list_configurations(account: StripeAccount, params: Params) -> Json:
    where = {"active": params.optional_bool("active"), "is_default": params.optional_bool("is_default")}
    return lists.list_page(account, params, CONFIGURATION, "/v1/billing_portal/configurations", where)


def update_configuration(account: StripeAccount, params: Params, configuration_id: str) -> Json:
    configuration = _apply_params(params, account.require_object(CONFIGURATION, configuration_id))
    configuration["updated"] = account.now()
    return account.update_object(configuration, "billing_portal.configuration.updated")


def create_portal_session(account: StripeAccount, params: Params) -> Json:
    customer = account.require_object("customer", params.required_text("customer"), param="customer")
    configuration = _choose_configuration(account, params)
    session_id = new_id("bps_1")
    session: Json = {
        "id": session_id,
        "object": SESSION,
        "configuration": configuration["id"],
        "created": account.now(),
        "customer": customer["id"],
        "customer_account": None,
        "flow": _read_flow(account, params),
        "livemode": False,
        "locale": params.optional_text("locale"),
        "on_behalf_of": None,
        "return_url": params.optional_text("return_url") or configuration["default_return_url"],
        "url": f"{account.base_url}/p/session/{session_id}",
        PRIVATE: {},
    }
    return account.create_object(session, "billing_portal.session.created")


def _choose_configuration(account: StripeAccount, params: Params) -> Json:
    configuration_id = params.optional_text("configuration")
    if configuration_id is not None:
        return account.require_object(CONFIGURATION, configuration_id, param="configuration")
    configuration = account.store.find_first(CONFIGURATION, {"is_default": True, "active": True})
    if configuration is None:
        message = (
            "You can't create a portal session in test mode until you save your customer portal settings in test mode, "
            "or create a configuration."
        )
        raise errors.invalid_request(message)
    return configuration


def _read_flow(account: StripeAccount, params: Params) -> Json | None:
    if not params.has_value("flow_data"):
        return None
    flow_params = params.nested_params("flow_data")
    kind = flow_params.one_of("type", FLOW_TYPES, "")
    if not kind:
        raise errors.missing_parameter("flow_data[type]")
    flow: Json = {
        "after_completion": {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"},
        "subscription_cancel": None,
        "subscription_update": None,
        "subscription_update_confirm": None,
        "type": kind,
    }
    after = flow_params.nested_params("after_completion")
    if after.optional_text("type") == "redirect":
        return_url = after.nested_params("redirect").required_text("return_url")
        flow["after_completion"] |= {"redirect": {"return_url": return_url}, "type": "redirect"}
    if kind == "subscription_cancel":
        subscription_id = flow_params.nested_params("subscription_cancel").required_text("subscription")
        subscription = account.require_object(
            "subscription", subscription_id, param="flow_data[subscription_cancel][subscription]"
        )
        flow["subscription_cancel"] = {"retention": None, "subscription": subscription["id"]}
    return flow


ROUTES = (
    ("POST", "/v1/billing_portal/configurations", create_configuration),
    ("GET", "/v1/billing_portal/configurations", list_configurations),
    ("GET", "/v1/billing_portal/configurations/{}", retrieve_configuration),
    ("POST", "/v1/billing_portal/configurations/{}", update_configuration),
    ("POST", "/v1/billing_portal/sessions", create_portal_session),
)
