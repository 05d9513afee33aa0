"""Stripe's invoices and payments as far as we read them, with refunds and disputes. See `objects` for units."""

from __future__ import annotations

from msgspec import Struct

from api.billing.stripe.objects import StripeList


class LinePeriod(Struct, frozen=True):
    """Unix seconds, from `start` until before `end`."""

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
        """Id of the price it charges."""
        details = self.pricing.price_details if self.pricing else None
        return details.price if details else None

    @property
    def is_proration(self) -> bool:
        """True if it is for part of a period, because of a change: Stripe shows such a line as an item of the
        subscription or of the invoice.
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
        """Id of the subscription it is for."""
        details = self.parent.subscription_details if self.parent else None
        return details.subscription if details else None

    @property
    def payment_intent(self) -> str | None:
        """Id of the payment intent that paid it; None where nothing was due."""
        paid = [payment for payment in (self.payments.data if self.payments else []) if payment.status == "paid"]
        return next((one.payment.payment_intent for one in paid if one.payment.payment_intent), None)


class InvoicePreview(Struct, frozen=True):
    """The invoice that a change would bring; its id does not last."""

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
    """A payment that the cardholder contests: `status` needs_response and others while open, then won or lost."""

    id: str
    amount: int
    status: str
    created: int
    charge: str
    payment_intent: str | None = None
