"""Products: goods without their prices."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params

KIND = "product"
TEXT_MEMBERS = ("name", "description", "statement_descriptor", "unit_label", "url", "tax_code", "default_price")


PRODUCT_DEFAULTS: Json = {
    "active": True,
    "default_price": None,
    "description": None,
    "images": [],
    "livemode": False,
    "marketing_features": [],
    "metadata": {},
    "name": "",
    "package_dimensions": None,
    "shippable": None,
    "statement_descriptor": None,
    "tax_code": None,
    "type": "service",
    "unit_label": None,
    "url": None,
}
"""Members of a new product."""


def create_product(account: StripeAccount, params: Params) -> Json:
    """The id may be chosen."""
    params.required_text("name")
    product_id = params.optional_text("id") or new_id("prod_", 14)
    if account.store.get_object(KIND, product_id) is not None:
        raise errors.invalid_request(
            f"Product already exists: {product_id}", code="resource_already_exists", param="id", begun=True
        )
    now = account.now()
    product: Json = {
        **PRODUCT_DEFAULTS,
        "id": product_id,
        "object": KIND,
        "created": now,
        "updated": now,
    }
    params.ignore_params("type", "shippable")
    return account.create_object(_apply_params(params, product), "product.created")


def retrieve_product(account: StripeAccount, params: Params, product_id: str) -> Json:
    return account.require_object(KIND, product_id)


def update_product(account: StripeAccount, params: Params, product_id: str) -> Json:
    product = _apply_params(params, account.require_object(KIND, product_id))
    product["updated"] = account.now()
    return account.update_object(product, "product.updated")


def list_products(account: StripeAccount, params: Params) -> Json:
    where: dict[str, object | None] = {"active": params.optional_bool("active")}
    if params.has_value("ids"):
        where["id"] = params.string_list("ids") or [""]
    params.ignore_params("type", "shippable")
    return lists.list_page(account, params, KIND, "/v1/products", where)


def delete_product(account: StripeAccount, params: Params, product_id: str) -> Json:
    """A product with prices cannot be deleted."""
    product = account.require_object(KIND, product_id)
    if account.store.find_first("price", {"product": product_id}):
        message = "This product cannot be deleted because it has one or more user-created prices."
        raise errors.invalid_request(message, begun=True)
    account.store.delete_object(KIND, product_id)
    account.emit_event("product.deleted", product)
    return {"id": product_id, "object": KIND, "deleted": True}


def _apply_params(params: Params, product: Json) -> Json:
    product |= {name: params.optional_text(name) for name in TEXT_MEMBERS if params.has_value(name)}
    if params.has_value("active"):
        product["active"] = params.optional_bool("active")
    if params.has_value("images"):
        product["images"] = params.string_list("images") or []
    if params.has_value("marketing_features"):
        product["marketing_features"] = [
            {"name": row.required_text("name")} for row in params.nested_list("marketing_features")
        ]
    product["metadata"] = params.merge_metadata(product["metadata"])
    return product


ROUTES = (
    ("POST", "/v1/products", create_product),
    ("GET", "/v1/products", list_products),
    ("GET", "/v1/products/{}", retrieve_product),
    ("POST", "/v1/products/{}", update_product),
    ("DELETE", "/v1/products/{}", delete_product),
)
