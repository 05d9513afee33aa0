"""What we want to hear of from Stripe. `kinora stripe sync` asks for these, and the inbox is done with all others."""

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
"""The types of events that ask for something; Stripe lists up to twenty types at once."""
REPORTS = ("billing.meter.error_report_triggered", "billing.meter.no_meter_found")
"""Reports about usage, which exist as thin events alone and say what they say themselves."""

REPORT = "report"
"""What a report is about: itself."""
RENEWAL = "renewal"
"""A subscription whose period is over and of which nothing was heard: its invoice is looked at too."""
