"""Meter events: errors and identifiers."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.support.stripe_merchant import Merchant
from tests.support.webhook_receiver import WebhookReceiver


async def test_meter_events_that_cannot_be_counted_are_reported(merchant: Merchant, receiver: WebhookReceiver) -> None:
    fake_stripe = merchant.stripe
    params: Any = {"name": "thin", "type": "webhook_endpoint", "event_payload": "thin", "enabled_events": ["*"]}
    await fake_stripe.v2.core.event_destinations.create_async({**params, "webhook_endpoint": {"url": receiver.url}})
    wrong = [
        ("overage", {"stripe_customer_id": "cus_none", "value": "1"}, "meter_event_customer_not_found"),
        ("overage", {"stripe_customer_id": merchant.customer, "value": "much"}, "meter_event_invalid_value"),
        ("overage", {"value": "1"}, "meter_event_no_customer_defined"),
        ("nothing", {"value": "1"}, "no_meter"),
    ]
    for number, (name, payload, _) in enumerate(wrong):
        event: Any = {"event_name": name, "payload": payload, "identifier": f"e{number}"}
        await fake_stripe.v1.billing.meter_events.create_async(event)
    await fake_stripe.advance(hours=1)
    await fake_stripe.flush()
    reports = [event for event in receiver.events if event["type"].startswith("v1.billing.meter.")]
    assert sorted(event["type"] for event in reports) == [
        "v1.billing.meter.error_report_triggered",
        "v1.billing.meter.no_meter_found",
    ]
    reported: dict[str, str] = {}
    for report in reports:
        event = await fake_stripe.v2.core.events.retrieve_async(report["id"])
        for kind in event.data.reason.error_types:
            reported |= {sample.request.identifier: kind.code for sample in kind.sample_errors}
    assert reported == {f"e{number}": code for number, (*_, code) in enumerate(wrong)}


async def test_an_identifier_is_counted_once_within_a_day(merchant: Merchant) -> None:
    payload = {"stripe_customer_id": merchant.customer, "value": "5"}
    event: Any = {"event_name": "overage", "payload": payload, "identifier": "one"}
    meter_events = merchant.v1.billing.meter_events
    await meter_events.create_async(event)
    with pytest.raises(stripe.InvalidRequestError, match="identifier one"):
        await meter_events.create_async(event)
    now = await merchant.stripe.advance(hours=25)
    await meter_events.create_async(event)
    for moment, code in ((now - 36 * 86400, "timestamp_too_far_in_past"), (now + 600, "timestamp_in_future")):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await meter_events.create_async({**event, "identifier": code, "timestamp": moment})
        assert refusal.value.code == code
    span = {"customer": merchant.customer, "start_time": (now - 90000) // 60 * 60, "end_time": now // 60 * 60 + 60}
    page = await merchant.v1.billing.meters.event_summaries.list_async(merchant.meter, span)
    assert page.data[0].aggregated_value == 10
    with pytest.raises(stripe.InvalidRequestError, match="minute boundaries"):
        await merchant.v1.billing.meters.event_summaries.list_async(merchant.meter, {**span, "start_time": 61})
