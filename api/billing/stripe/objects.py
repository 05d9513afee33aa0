"""Stripe's objects as far as we read them, at API version 2026-10-28.endive. Nothing else in the tree knows them.

Amounts are minor units of the currency (cents), times are Unix seconds, ids are Stripe's. A field that is missing or
of another type is an error where it is read. Where Stripe may write an object in place of an id, we never ask it to.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from msgspec import Struct

from api.sql.subscriptions import KEEPS_PLAN, LIVE

T = TypeVar("T")


def from_unix_time(seconds: int) -> datetime:
    """Stripe's Unix seconds as a datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


class StripeList(Struct, Generic[T], frozen=True):
    """A list inside an object; `has_more` when only its beginning is there."""

    data: list[T]
    has_more: bool = False


class StripeCustomer(Struct, frozen=True):
    """A customer; `metadata["user"]` is the id of our user."""

    id: str
    email: str | None = None
    metadata: dict[str, str] = {}
    preferred_locales: list[str] | None = None
    deleted: bool = False


class Recurring(Struct, frozen=True):
    """The interval of a price, and whether it charges what a meter counted in it."""

    interval: str
    interval_count: int
    usage_type: str
    meter: str | None = None


class StripePrice(Struct, frozen=True):
    """A price; its `lookup_key` names what it is for. `unit_amount` is null where a unit is below 1."""

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
        """True if it charges what a meter counted."""
        return self.recurring is not None and self.recurring.usage_type == "metered"


class SubscriptionItem(Struct, frozen=True):
    """One price of a subscription, with the running period."""

    id: str
    price: StripePrice
    current_period_start: int
    current_period_end: int


class PendingUpdate(Struct, frozen=True):
    """A change that waits for its payment until `expires_at`."""

    expires_at: int


class StripeSubscription(Struct, frozen=True):
    """A subscription. `cancel_at` is when it will end, at the period's end or at another time."""

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
        """True if it has not ended."""
        return self.status in LIVE

    @property
    def keeps_plan(self) -> bool:
        """True if it gives its plan."""
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
    """The items of a subscription from one time to another."""

    start_date: int
    end_date: int
    items: list[ScheduleItem]
    trial_end: int | None = None


class SubscriptionSchedule(Struct, frozen=True):
    """The phases that a subscription goes through while the schedule is `active` or `not_started`."""

    id: str
    status: str
    phases: list[SchedulePhase]
    subscription: str | None = None

    @property
    def is_in_effect(self) -> bool:
        """True if it still governs its subscription."""
        return self.status in ("active", "not_started")


class CheckoutSession(Struct, frozen=True):
    """A checkout session: `status` open, complete or expired; `payment_status` paid, unpaid or no_payment_required."""

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
        """True if it is complete and nothing is owed."""
        return self.status == "complete" and self.payment_status in ("paid", "no_payment_required")

    @property
    def end_state(self) -> Literal["completed", "expired"] | None:
        """The state of our checkout that follows; None while the session is open."""
        ends: dict[str | None, Literal["completed", "expired"]] = {"complete": "completed", "expired": "expired"}
        return ends.get(self.status)


class Product(Struct, frozen=True):
    """A plan, pack or overage, to which prices belong."""

    id: str
    name: str
    active: bool


class PortalConfiguration(Struct, frozen=True):
    """Settings of the customer portal."""

    id: str
    metadata: dict[str, str] | None = None


class PortalSession(Struct, frozen=True):
    """A page on which a customer manages cards, invoices and the subscription."""

    id: str
    url: str
