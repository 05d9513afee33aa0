"""The annotation checker: valid objects pass, and every kind of mismatch is reported."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.stripe_annotations import find_mismatches

METER: Any = {
    "id": "mtr_1",
    "object": "billing.meter",
    "created": 1,
    "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
    "default_aggregation": {"formula": "sum"},
    "display_name": "Overage",
    "event_name": "overage",
    "event_time_window": None,
    "livemode": False,
    "status": "active",
    "status_transitions": {"deactivated_at": None},
    "updated": 1,
    "value_settings": {"event_payload_key": "value"},
}


def set_member(*path: str, value: Any) -> Callable[[Any], None]:
    def change(thing: Any) -> None:
        for name in path[:-1]:
            thing = thing[name]
        thing[path[-1]] = value

    return change


def test_a_valid_object_has_no_mismatches() -> None:
    assert find_mismatches(METER) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda thing: thing.pop("created"), "billing.meter.created is missing"),
        (lambda thing: thing["customer_mapping"].pop("type"), "billing.meter.customer_mapping.type is missing"),
        (set_member("created", value="1"), "billing.meter.created is '1' and no int"),
        (set_member("created", value=True), "billing.meter.created is True and no int"),
        (set_member("livemode", value=0), "billing.meter.livemode is 0 and no bool"),
        (set_member("display_name", value=None), "billing.meter.display_name is None and no str"),
        (set_member("status", value="asleep"), "billing.meter.status is 'asleep' and none of ('active', 'inactive')"),
        (set_member("customer_mapping", value=[]), "billing.meter.customer_mapping is [] and no object"),
        (set_member("colour", value="red"), "billing.meter.colour is not declared"),
        (set_member("object", value="billing.metre"), "billing.metre is no object of Stripe's"),
    ],
)
def test_an_invalid_object_is_reported(change: Callable[[Any], None], fault: str) -> None:
    thing = copy.deepcopy(METER)
    change(thing)
    assert find_mismatches(thing) == [fault]


def test_lists_expanded_members_decimals_and_maps_are_checked() -> None:
    rows: Any = {"object": "list", "data": [{**METER, "object": "nothing"}], "has_more": "no", "url": "/v1/x"}
    price: Any = {
        "id": "price_1",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": 1,
        "currency": "usd",
        "livemode": False,
        "metadata": {"a": 1},
        "type": "recurring",
        "unit_amount_decimal": 1.5,
        "product": {"object": "product"},
        "recurring": {"interval": "eon"},
    }
    found = find_mismatches(price)
    assert "price.metadata.a is 1 and no str" in found
    assert "price.unit_amount_decimal is 1.5 and no Decimal" in found
    assert "price.product.name is missing" in found
    assert "price.recurring.interval is 'eon' and none of ('day', 'month', 'week', 'year')" in found
    charge = find_mismatches({"object": "charge", "refunds": rows})
    assert "charge.refunds.has_more is 'no' and no bool" in charge
    assert "charge.refunds.data[0].object is 'nothing' and none of ('refund',)" in charge
