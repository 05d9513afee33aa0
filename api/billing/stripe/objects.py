"""Stripe's objects as far as we read them, at API version 2026-10-28.endive. Nothing else in the tree knows them.

Amounts are minor units of the currency (cents), times are Unix seconds, ids are Stripe's. A field that is missing or
of another type is an error where it is read. Where Stripe may write an object in place of an id, we never ask it to.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from msgspec import Struct, field

T = TypeVar("T")

LIVE = frozenset({"active", "trialing", "past_due", "unpaid", "paused", "incomplete"})
"""Statuses of a subscription that has not ended."""
KEEPS_PLAN = frozenset({"active", "trialing", "past_due"})
"""Statuses in which a subscription gives what was bought."""


def from_unix_time(seconds: int) -> datetime:
    """A time of Stripe's as everybody else keeps times."""
    return datetime.fromtimestamp(seconds, UTC)


class StripeList(Struct, Generic[T], frozen=True):
    """A list inside an object; `has_more` when only its beginning is there."""

    data: list[T]
    has_more: bool = False


class StripeCustomer(Struct, frozen=True):
    """A person, by our id in `metadata["user"]`."""

    id: str
    email: str | None = None
    metadata: dict[str, str] = {}
    preferred_locales: list[str] | None = None
    deleted: bool = False


class Recurring(Struct, frozen=True):
    """How often a price is charged: by the month, or by what a meter counted in it."""

    interval: str
    interval_count: int
    usage_type: str
    meter: str | None = None


class StripePrice(Struct, frozen=True):
    """A price; its `lookup_key` says what of our tariff it is for. `unit_amount` is null where a unit is below 1."""

    id: str
    active: bool
    currency: str
    product: str
    type: str
    unit_amount: int | None
    unit_amount_decimal: Decimal | None
    lookup_key: str | None = None
    recurring: Recurring | None = None

    @property
    def is_metered(self) -> bool:
        """Whether it charges what a meter counted."""
        return self.recurring is not None and self.recurring.usage_type == "metered"


class SubscriptionItem(Struct, frozen=True):
    """One price of a subscription, with the period that is running."""

    id: str
    price: StripePrice
    current_period_start: int
    current_period_end: int


class PendingUpdate(Struct, frozen=True):
    """A change that waits for its payment, and until when."""

    expires_at: int


class StripeSubscription(Struct, frozen=True):
    """A subscription. `cancel_at` is when it will end, whichever way that was asked for."""

    id: str
    customer: str
    status: str
    created: int
    items: StripeList[SubscriptionItem]
    cancel_at_period_end: bool
    cancel_at: int | None = None
    ended_at: int | None = None
    trial_start: int | None = None
    trial_end: int | None = None
    schedule: str | None = None
    latest_invoice: str | None = None
    pending_update: PendingUpdate | None = None
    metadata: dict[str, str] = {}

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVE

    @property
    def keeps_plan(self) -> bool:
        """Whether it gives what was bought."""
        return self.status in KEEPS_PLAN

    @property
    def plan_item(self) -> SubscriptionItem | None:
        """The item that is the plan: the one that is not metered."""
        return next((item for item in self.items.data if not item.price.is_metered), None)

    @property
    def metered_item(self) -> SubscriptionItem | None:
        """The item that charges overage."""
        return next((item for item in self.items.data if item.price.is_metered), None)


class ScheduleItem(Struct, frozen=True):
    """A price of a phase, by its id."""

    price: str
    quantity: int | None = None


class SchedulePhase(Struct, frozen=True):
    """What a subscription is from one time to another."""

    start_date: int
    end_date: int
    items: list[ScheduleItem]
    trial_end: int | None = None


class SubscriptionSchedule(Struct, frozen=True):
    """What a subscription will be. `active` and `not_started` schedules still rule it."""

    id: str
    status: str
    phases: list[SchedulePhase]
    subscription: str | None = None

    @property
    def is_in_effect(self) -> bool:
        """Whether it has still something to say."""
        return self.status in ("active", "not_started")


class CheckoutSession(Struct, frozen=True):
    """A checkout page: `status` open, complete or expired; `payment_status` paid, unpaid or no_payment_required."""

    id: str
    mode: str
    status: str | None
    payment_status: str
    created: int
    expires_at: int
    url: str | None = None
    customer: str | None = None
    subscription: str | None = None
    payment_intent: str | None = None
    invoice: str | None = None
    amount_total: int | None = None
    client_reference_id: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it is done and nothing is owed."""
        return self.status == "complete" and self.payment_status in ("paid", "no_payment_required")

    @property
    def end_state(self) -> Literal["completed", "expired"] | None:
        """How it ended, in our own words; None while somebody can pay at it."""
        ends: dict[str | None, Literal["completed", "expired"]] = {"complete": "completed", "expired": "expired"}
        return ends.get(self.status)


class LinePeriod(Struct, frozen=True):
    """From `start` until before `end`."""

    start: int
    end: int


class _ItemDetails(Struct, frozen=True):
    proration: bool
    subscription: str | None = None
    subscription_item: str | None = None


class _LineParent(Struct, frozen=True):
    subscription_item_details: _ItemDetails | None = None
    invoice_item_details: _ItemDetails | None = None


class _PriceDetails(Struct, frozen=True):
    price: str


class _Pricing(Struct, frozen=True):
    price_details: _PriceDetails | None = None


class InvoiceLine(Struct, frozen=True):
    """One line of an invoice; a negative `amount` gives back the unused rest of what was paid for before."""

    id: str
    amount: int
    period: LinePeriod
    quantity: int | None = None
    parent: _LineParent | None = None
    pricing: _Pricing | None = None

    @property
    def price_id(self) -> str | None:
        """The id of the price it charges."""
        details = self.pricing.price_details if self.pricing else None
        return details.price if details else None

    @property
    def is_proration(self) -> bool:
        """Whether it is about part of a period, because of a change: Stripe shows such a line as an item of the
        subscription or as an item of the invoice.
        """
        if self.parent is None:
            return False
        shown = (self.parent.subscription_item_details, self.parent.invoice_item_details)
        return any(details is not None and details.proration for details in shown)


class _SubscriptionDetails(Struct, frozen=True):
    subscription: str


class _InvoiceParent(Struct, frozen=True):
    subscription_details: _SubscriptionDetails | None = None


class _PaymentReference(Struct, frozen=True):
    type: str
    payment_intent: str | None = None
    charge: str | None = None


class InvoicePayment(Struct, frozen=True):
    """A payment towards an invoice: `status` open, paid or canceled."""

    id: str
    invoice: str
    status: str
    is_default: bool
    payment: _PaymentReference
    amount_paid: int | None = None


class Invoice(Struct, frozen=True):
    """An invoice: `status` draft, open, paid, uncollectible or void."""

    id: str
    status: str | None
    amount_due: int
    amount_paid: int
    total: int
    currency: str
    created: int
    lines: StripeList[InvoiceLine]
    customer: str | None = None
    billing_reason: str | None = None
    parent: _InvoiceParent | None = None
    payments: StripeList[InvoicePayment] | None = None
    hosted_invoice_url: str | None = None

    @property
    def subscription_id(self) -> str | None:
        """The subscription it is for."""
        details = self.parent.subscription_details if self.parent else None
        return details.subscription if details else None

    @property
    def payment_intent(self) -> str | None:
        """The payment intent that paid it; null where nothing was to pay."""
        paid = [one for one in (self.payments.data if self.payments else []) if one.status == "paid"]
        return next((one.payment.payment_intent for one in paid if one.payment.payment_intent), None)


class InvoicePreview(Struct, frozen=True):
    """An invoice that would come of a change; it has no id that lasts."""

    amount_due: int
    total: int
    currency: str
    lines: StripeList[InvoiceLine]


class PaymentFailure(Struct, frozen=True):
    """Why a payment did not go through, in the bank's words."""

    code: str | None = None
    decline_code: str | None = None
    message: str | None = None


class PaymentIntent(Struct, frozen=True):
    """A payment intent: `amount_received` is what was paid."""

    id: str
    amount: int
    amount_received: int
    currency: str
    status: str
    customer: str | None = None
    latest_charge: str | None = None
    last_payment_error: PaymentFailure | None = None
    metadata: dict[str, str] | None = None


class Charge(Struct, frozen=True):
    """One attempt at a payment."""

    id: str
    amount: int
    payment_intent: str | None = None


class Refund(Struct, frozen=True):
    """Money given back: `status` pending, requires_action, succeeded, failed or canceled."""

    id: str
    amount: int
    status: str | None
    created: int
    payment_intent: str | None = None
    charge: str | None = None
    metadata: dict[str, str] | None = None


class Dispute(Struct, frozen=True):
    """A payment that its owner contests: `status` needs_response and others while open, then won or lost."""

    id: str
    amount: int
    status: str
    created: int
    charge: str
    payment_intent: str | None = None


class ReceivedEvent(Struct, frozen=True):
    """An event, in either form: what it is about, and nothing of what it says. `type` is without `v1.` in front."""

    id: str
    type: str
    object_type: str
    object_id: str
    occurred_at: int
    thin: bool = False


class _EventObject(Struct, frozen=True):
    object: str
    id: str = ""


class _EventData(Struct, frozen=True):
    object: _EventObject


class SnapshotEvent(Struct, frozen=True, tag_field="object", tag="event"):
    """An event that carries its object as it was then, which we do not read."""

    id: str
    type: str
    created: int
    data: _EventData

    def to_received_event(self) -> ReceivedEvent:
        """What it is about."""
        about = self.data.object
        return ReceivedEvent(self.id, self.type, about.object, about.id, self.created)


class MeterEvent(Struct, frozen=True):
    """Usage that was reported."""

    identifier: str
    timestamp: int


class Meter(Struct, frozen=True):
    """What counts usage, by the name its events carry."""

    id: str
    event_name: str
    status: str


class MeterSummary(Struct, frozen=True):
    """What a meter counted in a span of time."""

    aggregated_value: float
    start_time: int
    end_time: int


class Product(Struct, frozen=True):
    """What prices are for."""

    id: str
    name: str
    active: bool


class WebhookEndpoint(Struct, frozen=True):
    """Where snapshot events go; `secret` is there only in the answer to its making."""

    id: str
    url: str
    status: str
    enabled_events: list[str]
    secret: str | None = None


class _DestinationAddress(Struct, frozen=True):
    signing_secret: str | None = None


class EventDestination(Struct, frozen=True):
    """Where thin events go; the secret is there only in the answer to its making."""

    id: str
    status: str
    enabled_events: list[str]
    webhook_endpoint: _DestinationAddress | None = None
    metadata: dict[str, str] | None = None

    @property
    def signing_secret(self) -> str | None:
        """The signing secret."""
        return self.webhook_endpoint.signing_secret if self.webhook_endpoint else None


class PortalConfiguration(Struct, frozen=True):
    """What customers may do at the portal."""

    id: str
    metadata: dict[str, str] | None = None


class PortalSession(Struct, frozen=True):
    """A page at which a customer manages cards, invoices and the subscription."""

    id: str
    url: str


class _SampleRequest(Struct, frozen=True):
    identifier: str


class MeterSampleError(Struct, frozen=True):
    """One usage event that was not counted, and why."""

    error_message: str
    request: _SampleRequest


class MeterErrorType(Struct, frozen=True):
    """Events that were not counted for one reason; only some are named."""

    code: str
    error_count: int
    sample_errors: list[MeterSampleError]


class _ErrorReason(Struct, frozen=True):
    error_count: int
    error_types: list[MeterErrorType]


class _ErrorData(Struct, frozen=True):
    reason: _ErrorReason
    developer_message_summary: str = ""


class MeterErrorReport(Struct, frozen=True):
    """A report of usage events that were not counted."""

    id: str
    data: _ErrorData

    @property
    def error_types(self) -> list[MeterErrorType]:
        """The reasons, each with samples."""
        return self.data.reason.error_types


class _RelatedObject(Struct, frozen=True):
    id: str
    type: str


class ThinEvent(Struct, frozen=True, tag_field="object", tag="v2.core.event"):
    """An event that only names its object. `created` is an ISO time."""

    id: str
    type: str
    created: str
    related_object: _RelatedObject | None = field(default=None)
