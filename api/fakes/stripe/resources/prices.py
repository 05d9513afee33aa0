"""Prices: for once, for each period, or for what a meter counts. What one costs never changes."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.resources import products

KIND = "price"
MAX_LOOKUP_KEYS = 10


def create_price(world: StripeAccount, params: Params) -> Json:
    """A new one for a product that is there or comes with it."""
    exact = _read_unit_amount(params)
    recurring = _read_recurring(world, params)
    price: Json = {
        "id": new_id("price_1"),
        "object": KIND,
        "active": params.optional_bool("active") is not False,
        "billing_scheme": params.one_of("billing_scheme", ("per_unit",), "per_unit"),
        "created": world.now(),
        "currency": params.required_text("currency").lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": _claim_lookup_key(world, params, None),
        "metadata": params.string_map("metadata") or {},
        "nickname": params.optional_text("nickname"),
        "product": _product_id(world, params),
        "recurring": recurring,
        "tax_behavior": params.one_of("tax_behavior", ("exclusive", "inclusive", "unspecified"), "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": int(exact) if exact == exact.to_integral_value() else None,
        "unit_amount_decimal": f"{exact.normalize():f}",
    }
    return world.create_object(price, "price.created")


def retrieve_price(world: StripeAccount, params: Params, ident: str) -> Json:
    """One of them."""
    return world.require_object(KIND, ident)


def update_price(world: StripeAccount, params: Params, ident: str) -> Json:
    """Change what may change: whether it is sold, and what it is called."""
    price = world.require_object(KIND, ident)
    if params.has_value("active"):
        price["active"] = params.optional_bool("active")
    if params.has_value("nickname"):
        price["nickname"] = params.optional_text("nickname")
    if params.has_value("tax_behavior"):
        price["tax_behavior"] = params.optional_text("tax_behavior")
    if params.has_value("lookup_key"):
        price["lookup_key"] = _claim_lookup_key(world, params, ident)
    else:
        params.ignore_params("transfer_lookup_key")
    price["metadata"] = params.merge_metadata(price["metadata"])
    return world.update_object(price, "price.updated")


def list_prices(world: StripeAccount, params: Params) -> Json:
    """Those with these keys, of this product, sold or not."""
    keys = params.string_list("lookup_keys")
    if keys is not None and len(keys) > MAX_LOOKUP_KEYS:
        raise errors.invalid_request(f"You may only specify up to {MAX_LOOKUP_KEYS} lookup_keys.", param="lookup_keys")
    recurring = params.nested_params("recurring")
    where = {
        "active": params.optional_bool("active"),
        "currency": params.optional_text("currency"),
        "lookup_key": keys,
        "product": params.optional_text("product"),
        "type": params.optional_text("type"),
        "recurring.interval": recurring.optional_text("interval"),
        "recurring.usage_type": recurring.optional_text("usage_type"),
        "recurring.meter": recurring.optional_text("meter"),
    }
    return lists.list_page(world, params, KIND, "/v1/prices", where)


def _read_unit_amount(params: Params) -> Decimal:
    whole, exact = params.optional_int("unit_amount"), params.optional_text("unit_amount_decimal")
    if whole is not None and exact is not None:
        words = "You may only specify one of these parameters: unit_amount, unit_amount_decimal."
        raise errors.invalid_request(words, param="unit_amount")
    if whole is None and exact is None:
        raise errors.missing_parameter("unit_amount")
    try:
        return Decimal(whole) if whole is not None else Decimal(str(exact))
    except InvalidOperation:
        raise errors.invalid_request(f"Invalid decimal: {exact}", param="unit_amount_decimal") from None


def _read_recurring(world: StripeAccount, params: Params) -> Json | None:
    if not params.has_value("recurring"):
        return None
    asked = params.nested_params("recurring")
    usage, meter = asked.one_of("usage_type", ("licensed", "metered"), "licensed"), asked.optional_text("meter")
    if usage == "metered":
        if meter is None:
            raise errors.missing_parameter("recurring[meter]")
        world.require_object("billing.meter", meter, param="recurring[meter]")
    return {
        "interval": asked.one_of("interval", ("day", "week", "month", "year"), "") or _raise_missing_interval(),
        "interval_count": asked.optional_int("interval_count") or 1,
        "meter": meter,
        "trial_period_days": None,
        "usage_type": usage,
    }


def _raise_missing_interval() -> str:
    raise errors.missing_parameter("recurring[interval]")


def _product_id(world: StripeAccount, params: Params) -> str:
    if params.has_value("product_data"):
        return str(products.create_product(world, params.nested_params("product_data"))["id"])
    return str(world.require_object("product", params.required_text("product"), param="product")["id"])


def _claim_lookup_key(world: StripeAccount, params: Params, own: str | None) -> str | None:
    """A key names one price at a time; it goes over to this one only if that is said."""
    key, transfer = params.optional_text("lookup_key"), params.optional_bool("transfer_lookup_key")
    holder = world.store.find_first(KIND, {"lookup_key": key}) if key else None
    if holder is None or holder["id"] == own:
        return key
    if not transfer:
        words = f"A price (`{holder['id']}`) already uses that lookup key."
        raise errors.invalid_request(words, param="lookup_key", begun=True)
    holder["lookup_key"] = None
    world.update_object(holder, "price.updated")
    return key


ROUTES = (
    ("POST", "/v1/prices", create_price),
    ("GET", "/v1/prices", list_prices),
    ("GET", "/v1/prices/{}", retrieve_price),
    ("POST", "/v1/prices/{}", update_price),
)
