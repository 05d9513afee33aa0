"""Billing troubles that need a person: events and usage that cannot be finished automatically."""

from __future__ import annotations

from collections.abc import Iterator

from api.billing.events.metering import ALERT_AFTER, CUSTOMER_NOT_FOUND
from api.sql import meter_events, stripe_events
from api.sql.connection import Database
from api.sql.meter_events import OutboxStatus
from api.sql.stripe_events import InboxStatus

LATE = 3600.0  # seconds after which an event that waits is worth a look


async def list_troubles(db: Database) -> list[str]:
    """A sentence for each trouble, with what to do about it."""
    inbox = await stripe_events.read_inbox_status(db)
    outbox = await meter_events.read_outbox_status(db)
    return [*_inbox_troubles(inbox), *_outbox_troubles(outbox)]


def _inbox_troubles(inbox: InboxStatus) -> Iterator[str]:
    why = f" The oldest says: {inbox.error}." if inbox.error else ""
    if inbox.parked:
        yield (
            f"{inbox.parked} events from Stripe could not be applied for a day and are parked.{why} Fix the cause,"
            " then `kinora stripe reconcile` tries them again."
        )
    elif inbox.oldest > LATE:
        yield f"{inbox.waiting} events from Stripe wait, the oldest for {inbox.oldest / 3600:.0f} h.{why}"


def _outbox_troubles(outbox: OutboxStatus) -> Iterator[str]:
    why = f" The oldest says: {outbox.error}." if outbox.error else ""
    if outbox.oldest > ALERT_AFTER:
        yield (
            f"Overage has waited {outbox.oldest / 86400:.0f} days to be reported to Stripe, which takes none older than"
            f" 35: it will not be billed.{why}"
        )
    if outbox.refused:
        cure = ""
        if outbox.error and outbox.error.startswith(CUSTOMER_NOT_FOUND):
            cure = (
                " Put the customer's present id into users.stripe_customer; `kinora stripe reconcile` sends it again."
            )
        yield f"Stripe has refused {outbox.refused} entries of overage, which are not billed.{why}{cure}"
    if outbox.unclear:
        yield (
            f"It is unclear whether Stripe has {outbox.unclear} entries of overage.{why} Compare the"
            " customer's meter events there with the table meter_events, and set each row to `sent` or `waiting`."
        )
