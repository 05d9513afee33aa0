"""Parameters: rejected ones are named, metadata is merged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fake_stripe import FakeStripe


@pytest.mark.parametrize(
    ("path", "data", "code", "param"),
    [
        ("/v1/customers", {"colour": "red"}, "parameter_unknown", "colour"),
        ("/v1/prices", {"unit_amount": "1", "recurring[colour]": "x"}, "parameter_missing", "recurring[interval]"),
        ("/v1/products", {}, "parameter_missing", "name"),
        ("/v1/prices", {"unit_amount": "cheap"}, "parameter_invalid_integer", "unit_amount"),
        ("/v1/prices", {"unit_amount": "1", "currency": "usd", "product": "no"}, "resource_missing", "product"),
    ],
)
async def test_a_rejected_parameter_is_named(
    fake_stripe: FakeStripe, path: str, data: Any, code: str, param: str
) -> None:
    answer = await fake_stripe.post_form(path, **data)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
    assert answer.headers["request-id"].startswith("req_")


async def test_an_unknown_nested_parameter_is_rejected(fake_stripe: FakeStripe) -> None:
    await fake_stripe.v1.products.create_async({"id": "p", "name": "P"})
    params = {
        "unit_amount": "1",
        "currency": "usd",
        "product": "p",
        "recurring[interval]": "month",
        "recurring[x]": "y",
    }
    answer = await fake_stripe.post_form("/v1/prices", **params)
    assert answer.json()["error"]["param"] == "recurring[x]"
    assert (await fake_stripe.v1.prices.list_async()).data == []


async def test_metadata_is_merged_and_unset_by_key(fake_stripe: FakeStripe) -> None:
    customer = await fake_stripe.v1.customers.create_async({"metadata": {"a": "1", "b": "2"}})
    customer = await fake_stripe.v1.customers.update_async(customer.id, {"metadata": {"b": "", "c": "3"}})
    assert customer.metadata.to_dict() == {"a": "1", "c": "3"}
    customer = await fake_stripe.v1.customers.update_async(customer.id, {"metadata": ""})
    assert customer.metadata.to_dict() == {}
