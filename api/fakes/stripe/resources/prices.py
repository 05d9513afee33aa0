"""Prices: one-time, recurring or metered. Their amount never changes."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.resources import products

KIND = "price"
MAX_LOOKUP_KEYS = 10


def create_price(account: StripeAccount, params: Params) -> Json:
    """Create a price for an existing product or for one given in `product_data`."""
    exact = _read_unit_amount(params)
    recurring = _read_recurring(account, params)
    price: Json = {
        "id": new_id("price_1"),
        "object": KIND,
        "active": params.optional_bool("active") is not False,
        "billing_scheme": params.one_of("billing_scheme", ("per_unit",), "per_unit"),
        "created": account.now(),
        "currency": params.required_text("currency").lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": _claim_lookup_key(account, params, None),
        "metadata": params.string_map("metadata") or {},
        "nickname": params.optional_text("nickname"),
        "product": _product_id(account, params),
        "recurring": recurring,
        "tax_behavior": params.one_of("tax_behavior", ("exclusive", "inclusive", "unspecified"), "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": int(exact) if exact == exact.to_integral_value() else None,
        "unit_amount_decimal": f"{exact.normalize():f}",
    }
    return account.create_object(price, "price.created")


def retrieve_price(account: StripeAccount, params: Params, price_id: str) -> Json:
    return account.require_object(KIND, price_id)


def update_price(account: StripeAccount, params: Params, price_id: str) -> Json:
    """Everything but the amount can be updated."""
    price = account.require_object(KIND, price_id)
    if params.has_value("active"):
        price["active"] = params.optional_bool("active")
    if params.has_value("nickname"):
        price["nickname"] = params.optional_text("nickname")
    if params.has_value("tax_behavior"):
        price["tax_behavior"] = params.optional_text("tax_behavior")
    if params.has_value("lookup_key"):
        price["lookup_key"] = _claim_lookup_key(account, params, price_id)
    else:
        params.ignore_params("transfer_lookup_key")
    price["metadata"] = params.merge_metadata(price["metadata"])
    return account.update_object(price, "price.updated")


def list_prices(account: StripeAccount, params: Params) -> Json:
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
    return lists.list_page(account, params, KIND, "/v1/prices", where)


def _read_unit_amount(params: Params) -> Decimal:
    whole, exact = params.optional_int("unit_amount"), params.optional_text("unit_amount_decimal")
    if whole is not None and exact is not None:
        message = "You may only specify one of these parameters: unit_amount, unit_amount_decimal."
        raise errors.invalid_request(message, param="unit_amount")
    if whole is None and exact is None:
        raise errors.missing_parameter("unit_amount")
    try:
        return Decimal(whole) if whole is not None else Decimal(str(exact))
    except InvalidOperation:
        raise errors.invalid_request(f"Invalid decimal: {exact}", param="unit_amount_decimal") from None


def _read_recurring(account: StripeAccount, params: Params) -> Json | None:
    if not params.has_value("recurring"):
        return None
    recurring = params.nested_params("recurring")
    usage, meter = recurring.one_of("usage_type", ("licensed", "metered"), "licensed"), recurring.optional_text("meter")
    if usage == "metered":
        if meter is None:
            raise errors.missing_parameter("recurring[meter]")
        account.require_object("billing.meter", meter, param="recurring[meter]")
    return {
        "interval": recurring.one_of("interval", ("day", "week", "month", "year"), "") or _raise_missing_interval(),
        "interval_count": recurring.optional_int("interval_count") or 1,
        "meter": meter,
        "trial_period_days": None,
        "usage_type": usage,
    }


def _raise_missing_interval() -> str:
    raise errors.missing_parameter("recurring[interval]")


def _product_id(account: StripeAccount, params: Params) -> str:
    if params.has_value("product_data"):
        return str(products.create_product(account, params.nested_params("product_data"))["id"])
    return str(account.require_object("product", params.required_text("product"), param="product")["id"])


def _claim_lookup_key(account: StripeAccount, params: Params, price_id: str | None) -> str | None:
    """Check that no other price has the lookup key, or transfer it if `transfer_lookup_key` is set."""
    key, transfer = params.optional_text("lookup_key"), params.optional_bool("transfer_lookup_key")
    holder = account.store.find_first(KIND, {"lookup_key": key}) if key else None
    if holder is None or holder["id"] == price_id:
        return key
    if not transfer:
        message = f"A price (`{holder['id']}`) already uses that lookup key."
        raise errors.invalid_request(message, param="lookup_key", begun=True)
    holder["lookup_key"] = None
    account.update_object(holder, "price.updated")
    return key


ROUTES = (
    ("POST", "/v1/prices", create_price),
    ("GET", "/v1/prices", list_prices),
    ("GET", "/v1/prices/{}", retrieve_price),
    ("POST", "/v1/prices/{}", update_price),
)
