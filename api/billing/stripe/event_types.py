"""The types of events that we apply. `kinora stripe sync` subscribes to these; others count as applied on arrival."""

from __future__ import annotations

EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refunded",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.paid",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
"""Types of snapshot events; Stripe lists events of up to twenty types at once."""
REPORTS = ("billing.meter.error_report_triggered", "billing.meter.no_meter_found")
"""Types of reports about usage, which exist as thin events alone and carry their own content."""

REPORT = "report"
"""Object type of a report, whose object is itself."""
RENEWAL = "renewal"
"""Type and object type of our own event about an overdue subscription: its latest invoice is read too."""
