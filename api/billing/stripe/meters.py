"""The overage meter at Stripe: usage that is reported to it, and what it has counted."""

from __future__ import annotations

from datetime import datetime

from api.billing.stripe.client import PAGE_SIZE, Stripe
from api.billing.stripe.event_objects import Meter, MeterErrorReport, MeterEvent, MeterSummary
from api.errors import PaymentRequestRejected
from api.schemas.common import unix_seconds

METER = "kinora_overage_credits"
"""The event name under which usage is reported."""


async def find_meter(stripe: Stripe) -> Meter | None:
    """The active meter of our event name; None before `kinora stripe sync` has made it."""
    meters = stripe.list_all(lambda c: c.v1.billing.meters.list_async({"status": "active", "limit": PAGE_SIZE}), Meter)
    ours = [meter async for meter in meters if meter.event_name == METER]
    return ours[0] if ours else None


async def report_usage(
    stripe: Stripe, *, customer: str, credits: int, identifier: str, at: datetime, attempt: int = 1
) -> None:
    """Report credits of overage. Stripe counts an identifier once in 24 hours, and reports later what it cannot count.

    Each attempt has an idempotency key of its own, for an old key would bring back an old failure. An answer that the
    identifier exists already is a success.
    """
    try:
        await stripe.request(
            lambda c: c.v1.billing.meter_events.create_async(
                {
                    "event_name": METER,
                    "payload": {"stripe_customer_id": customer, "value": str(credits)},
                    "identifier": identifier,
                    "timestamp": unix_seconds(at),
                },
                {"idempotency_key": f"meter:{identifier}:{attempt}"},
            ),
            MeterEvent,
        )
    except PaymentRequestRejected as refusal:
        if "already exists" not in refusal.reason:
            raise


async def sum_counted_credits(stripe: Stripe, customer: str, start: datetime, end: datetime) -> int:
    """Credits that Stripe has counted for a customer from `start` until before `end`, both at whole minutes."""
    meter_id = await _get_meter_id(stripe)
    span = {"customer": customer, "start_time": unix_seconds(start), "end_time": unix_seconds(end)}
    summaries = stripe.list_all(
        lambda c: c.v1.billing.meters.event_summaries.list_async(meter_id, {**span, "limit": PAGE_SIZE}),  # type: ignore[typeddict-item]
        MeterSummary,
    )
    return round(sum([summary.aggregated_value async for summary in summaries]))


async def _get_meter_id(stripe: Stripe) -> str:
    if stripe.meter_id is None:
        meter = await find_meter(stripe)
        if meter is None:
            raise PaymentRequestRejected(f"Stripe has no meter {METER}: run `kinora stripe sync`.")
        stripe.meter_id = meter.id
    return stripe.meter_id


async def retrieve_error_report(stripe: Stripe, event_id: str) -> MeterErrorReport:
    """The report, by the id of its thin event, of usage that was not counted."""
    return await stripe.request(lambda c: c.v2.core.events.retrieve_async(event_id), MeterErrorReport)
