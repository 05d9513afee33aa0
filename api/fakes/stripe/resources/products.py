"""Products: what is sold, without its price."""

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
"""What every product begins with."""


def create_product(world: StripeAccount, params: Params) -> Json:
    """A new one, with an id of one's own if wanted."""
    params.required_text("name")
    ident = params.optional_text("id") or new_id("prod_", 14)
    if world.store.get_object(KIND, ident) is not None:
        raise errors.invalid_request(
            f"Product already exists: {ident}", code="resource_already_exists", param="id", begun=True
        )
    now = world.now()
    product: Json = {
        **PRODUCT_DEFAULTS,
        "id": ident,
        "object": KIND,
        "created": now,
        "updated": now,
    }
    params.ignore_params("type", "shippable")
    return world.create_object(_apply_params(params, product), "product.created")


def retrieve_product(world: StripeAccount, params: Params, ident: str) -> Json:
    """One of them."""
    return world.require_object(KIND, ident)


def update_product(world: StripeAccount, params: Params, ident: str) -> Json:
    """Change what is given."""
    product = _apply_params(params, world.require_object(KIND, ident))
    product["updated"] = world.now()
    return world.update_object(product, "product.updated")


def list_products(world: StripeAccount, params: Params) -> Json:
    """All, or those with these ids, or only active ones."""
    where: dict[str, object | None] = {"active": params.optional_bool("active")}
    if params.has_value("ids"):
        where["id"] = params.string_list("ids") or [""]
    params.ignore_params("type", "shippable")
    return lists.list_page(world, params, KIND, "/v1/products", where)


def delete_product(world: StripeAccount, params: Params, ident: str) -> Json:
    """Forget it, unless it has prices."""
    product = world.require_object(KIND, ident)
    if world.store.find_first("price", {"product": ident}):
        words = "This product cannot be deleted because it has one or more user-created prices."
        raise errors.invalid_request(words, begun=True)
    world.store.delete_object(KIND, ident)
    world.emit_event("product.deleted", product)
    return {"id": ident, "object": KIND, "deleted": True}


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
