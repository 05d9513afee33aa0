"""The customer portal: what it offers, and a visit to it. The page is in `pages/`."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import PRIVATE, StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation.changes import PRORATION_BEHAVIORS

CONFIGURATION, SESSION = "billing_portal.configuration", "billing_portal.session"
CUSTOMER_UPDATES = ("address", "email", "name", "phone", "shipping", "tax_id")
FLOW_TYPES = ("payment_method_update", "subscription_cancel")


def create_configuration(world: StripeAccount, params: Params) -> Json:
    """What a portal offers, new."""
    now = world.now()
    found: Json = {
        "id": new_id("bpc_1"),
        "object": CONFIGURATION,
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": now,
        "default_return_url": None,
        "features": _default_features(),
        "is_default": world.store.find_first(CONFIGURATION, {"active": True}) is None,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": now,
    }
    return world.create_object(_apply_params(params, found), "billing_portal.configuration.created")


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


def _apply_params(params: Params, found: Json) -> Json:
    if params.has_value("active"):
        found["active"] = params.optional_bool("active")
    for name in ("default_return_url", "name"):
        if params.has_value(name):
            found[name] = params.optional_text(name)
    if params.has_value("business_profile"):
        profile = params.nested_params("business_profile")
        given = {name: profile.optional_text(name) for name in found["business_profile"] if profile.has_value(name)}
        found["business_profile"] = {**found["business_profile"], **given}
    found["metadata"] = params.merge_metadata(found["metadata"])
    found["features"] = _apply_features(params.nested_params("features"), found["features"])
    params.ignore_params("login_page")
    return found


def _apply_features(asked: Params, have: Json) -> Json:
    features = {name: dict(feature) for name, feature in have.items()}
    for name, feature in features.items():
        if asked.has_value(name):
            flag = asked.nested_params(name).optional_bool("enabled")
            feature["enabled"] = feature["enabled"] if flag is None else flag
    update, cancel = asked.nested_params("customer_update"), asked.nested_params("subscription_cancel")
    if update.has_value("allowed_updates"):
        features["customer_update"]["allowed_updates"] = update.string_list("allowed_updates") or []
    stop = features["subscription_cancel"]
    stop["mode"] = cancel.one_of("mode", ("at_period_end", "immediately"), stop["mode"])
    stop["proration_behavior"] = cancel.one_of("proration_behavior", PRORATION_BEHAVIORS, stop["proration_behavior"])
    if cancel.has_value("cancellation_reason"):
        reason = cancel.nested_params("cancellation_reason")
        asked_for = {"enabled": bool(reason.optional_bool("enabled")), "options": reason.string_list("options") or []}
        stop["cancellation_reason"] = asked_for
    return _refuse_plan_changes(asked, features)


def _refuse_plan_changes(asked: Params, features: Json) -> Json:
    """The page here changes no plans, so a portal that is to offer that is refused rather than half made."""
    if features["subscription_update"]["enabled"] or features["subscription_pause"]["enabled"]:
        words = "The portal of this fake Stripe changes and pauses no plans."
        raise errors.invalid_request(words, param="features[subscription_update][enabled]")
    asked.nested_params("subscription_update").ignore_params(
        "default_allowed_updates", "products", "proration_behavior"
    )
    return features


def retrieve_configuration(world: StripeAccount, params: Params, ident: str) -> Json:
    """What one offers."""
    return world.require_object(CONFIGURATION, ident)


def list_configurations(world: StripeAccount, params: Params) -> Json:
    """All of them."""
    where = {"active": params.optional_bool("active"), "is_default": params.optional_bool("is_default")}
    return lists.list_page(world, params, CONFIGURATION, "/v1/billing_portal/configurations", where)


def update_configuration(world: StripeAccount, params: Params, ident: str) -> Json:
    """Offer something else."""
    found = _apply_params(params, world.require_object(CONFIGURATION, ident))
    found["updated"] = world.now()
    return world.update_object(found, "billing_portal.configuration.updated")


def create_portal_session(world: StripeAccount, params: Params) -> Json:
    """A page for a customer."""
    customer = world.require_object("customer", params.required_text("customer"), param="customer")
    offered = _choose_configuration(world, params)
    ident = new_id("bps_1")
    session: Json = {
        "id": ident,
        "object": SESSION,
        "configuration": offered["id"],
        "created": world.now(),
        "customer": customer["id"],
        "customer_account": None,
        "flow": _read_flow(world, params),
        "livemode": False,
        "locale": params.optional_text("locale"),
        "on_behalf_of": None,
        "return_url": params.optional_text("return_url") or offered["default_return_url"],
        "url": f"{world.base_url}/p/session/{ident}",
        PRIVATE: {},
    }
    return world.create_object(session, "billing_portal.session.created")


def _choose_configuration(world: StripeAccount, params: Params) -> Json:
    name = params.optional_text("configuration")
    if name is not None:
        return world.require_object(CONFIGURATION, name, param="configuration")
    found = world.store.find_first(CONFIGURATION, {"is_default": True, "active": True})
    if found is None:
        words = (
            "You can't create a portal session in test mode until you save your customer portal settings in test mode, "
            "or create a configuration."
        )
        raise errors.invalid_request(words)
    return found


def _read_flow(world: StripeAccount, params: Params) -> Json | None:
    if not params.has_value("flow_data"):
        return None
    asked = params.nested_params("flow_data")
    kind = asked.one_of("type", FLOW_TYPES, "")
    if not kind:
        raise errors.missing_parameter("flow_data[type]")
    flow: Json = {
        "after_completion": {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"},
        "subscription_cancel": None,
        "subscription_update": None,
        "subscription_update_confirm": None,
        "type": kind,
    }
    after = asked.nested_params("after_completion")
    if after.optional_text("type") == "redirect":
        address = after.nested_params("redirect").required_text("return_url")
        flow["after_completion"] |= {"redirect": {"return_url": address}, "type": "redirect"}
    if kind == "subscription_cancel":
        name = asked.nested_params("subscription_cancel").required_text("subscription")
        subscription = world.require_object("subscription", name, param="flow_data[subscription_cancel][subscription]")
        flow["subscription_cancel"] = {"retention": None, "subscription": subscription["id"]}
    return flow


ROUTES = (
    ("POST", "/v1/billing_portal/configurations", create_configuration),
    ("GET", "/v1/billing_portal/configurations", list_configurations),
    ("GET", "/v1/billing_portal/configurations/{}", retrieve_configuration),
    ("POST", "/v1/billing_portal/configurations/{}", update_configuration),
    ("POST", "/v1/billing_portal/sessions", create_portal_session),
)
