"""What a person should look at of the money: events and usage that Kinora cannot bring to their end alone."""

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
    return [
        *_inbox_troubles(await stripe_events.read_inbox_status(db)),
        *_outbox_troubles(await meter_events.read_outbox_status(db)),
    ]


def _inbox_troubles(stuck: InboxStatus) -> Iterator[str]:
    why = f" The oldest says: {stuck.error}." if stuck.error else ""
    if stuck.parked:
        yield (
            f"{stuck.parked} events from Stripe could not be applied for a day and are set aside.{why} Mend the cause,"
            " then `kinora stripe reconcile` tries them again."
        )
    elif stuck.oldest > LATE:
        yield f"{stuck.waiting} events from Stripe wait, the oldest for {stuck.oldest / 3600:.0f} h.{why}"


def _outbox_troubles(usage: OutboxStatus) -> Iterator[str]:
    why = f" The oldest says: {usage.error}." if usage.error else ""
    if usage.oldest > ALERT_AFTER:
        yield (
            f"Overage has waited {usage.oldest / 86400:.0f} days to be told to Stripe, which takes none older than 35:"
            f" it will not be billed.{why}"
        )
    if usage.refused:
        cure = ""
        if usage.error and usage.error.startswith(CUSTOMER_NOT_FOUND):
            cure = (
                " Put the customer's present id into users.stripe_customer; `kinora stripe reconcile` sends it again."
            )
        yield f"Stripe has refused {usage.refused} entries of overage, which are not billed.{why}{cure}"
    if usage.unclear:
        yield (
            f"Whether Stripe has {usage.unclear} entries of overage cannot be told from its sums.{why} Compare the"
            " customer's meter events there with the table meter_events, and set each row to `sent` or `waiting`."
        )
