"""Reporting overage to Stripe: each settled entry becomes one meter event, whose identifier is the entry's id.

Stripe recognises an identifier for a day. Within that day an entry may be sent as often as it takes; after it, only
once Stripe's own count of the customer's hour has shown that the entry is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import combinations

import structlog

from api.billing.events.backoff import retry_delay
from api.billing.stripe import meters
from api.billing.stripe.client import Stripe
from api.billing.stripe.event_objects import MeterErrorType
from api.errors import PaymentsUnavailable, Problem
from api.sql import meter_events
from api.sql.connection import Pool, transaction
from api.sql.meter_events import HourUsage, OverageUsage

log = structlog.get_logger()

LEASE = 120.0
"""Seconds for one entry, with all retries of the library."""
RESEND_WINDOW = 23 * 3600.0
"""Seconds after the first sending in which an entry may be sent again; Stripe promises to recognise it for 24 hours."""
FORGOTTEN_AFTER = 25 * 3600.0
"""Seconds after which Stripe certainly takes a refused identifier again."""
TOO_OLD = 35 * 86400.0
"""Age in seconds from which Stripe takes no usage any more."""
ALERT_AFTER = 34 * 86400.0
"""Age in seconds from which unreported usage is a trouble to show."""
COUNTED_AFTER = 3600.0
"""Seconds after which Stripe's count certainly has what was sent; it counts in its own time."""
RECHECK_DELAY = 900.0
"""Seconds until an hour in which something is still under way is looked at again."""
MOST_COMBINED = 12
"""The most doubtful entries of one hour of which every combination is tried."""
HOUR = timedelta(hours=1)
CUSTOMER_NOT_FOUND = "meter_event_customer_not_found"
CURABLE = (CUSTOMER_NOT_FOUND, "archived_meter", "no_meter")
"""Codes of refusals whose cause an operator can remove, so that sending again helps."""
ENTRY_ID = re.compile(r"entry_[0-9A-HJKMNP-TV-Z]{26}")
NO_CUSTOMER = "Stripe has no customer for this user."


class UsageReporter:
    """Sends the overage that is due."""

    def __init__(self, pool: Pool, stripe: Stripe) -> None:
        self._pool = pool
        self._stripe = stripe

    async def drain(self) -> None:
        """Send what is due and resolve what is doubtful, until nothing is left or Stripe is away."""
        while await self._send_next() or await self._resolve_next_doubtful():
            pass

    # -- sending ------------------------------------------------------------------------------------------------

    async def _send_next(self) -> bool:
        """Send one entry; False if none is due, or Stripe is away."""
        async with transaction(self._pool) as db:
            usage = await meter_events.claim_sendable(db, LEASE, RESEND_WINDOW)
        if usage is None:
            return False
        return await self._report_usage(usage)

    async def _report_usage(self, usage: OverageUsage) -> bool:
        if usage.customer is None:
            return await self._record_failure(usage, NO_CUSTOMER)
        if usage.age > TOO_OLD:
            return await self._give_up(usage)
        try:
            await meters.report_usage(
                self._stripe,
                customer=usage.customer,
                credits=usage.credits,
                identifier=usage.entry_id,
                at=usage.occurred_at,
                attempt=usage.tries,
            )
        except Problem as problem:
            await self._record_failure(usage, str(problem))
            return not isinstance(problem, PaymentsUnavailable)
        async with transaction(self._pool) as db:
            await meter_events.mark_sent(db, [usage.entry_id])
        return True

    async def _record_failure(self, usage: OverageUsage, reason: str) -> bool:
        log.warning("usage_not_reported", entry_id=usage.entry_id, tries=usage.tries)
        async with transaction(self._pool) as db:
            await meter_events.retry_later(db, usage.entry_id, retry_delay(usage.tries), reason)
        return True

    async def _give_up(self, usage: OverageUsage) -> bool:
        log.error("usage_too_old", entry_id=usage.entry_id, user_id=usage.user_id, credits=usage.credits)
        reason = "Older than 35 days, which is more than Stripe takes."
        async with transaction(self._pool) as db:
            await meter_events.mark_refused(db, [usage.entry_id], reason)
        return True

    # -- doubtful entries ---------------------------------------------------------------------------------------

    async def _resolve_next_doubtful(self) -> bool:
        """Compare the hour of one doubtful entry with Stripe's count; False if there is none, or Stripe is away."""
        async with transaction(self._pool) as db:
            usage = await meter_events.claim_doubtful(db, LEASE, RESEND_WINDOW)
        if usage is None:
            return False
        if usage.customer is None:
            return await self._record_failure(usage, NO_CUSTOMER)
        start = hour_start(usage.occurred_at)
        async with transaction(self._pool) as db:
            before = await meter_events.lock_hour_usage(
                db, usage.user_id, start, start + HOUR, RESEND_WINDOW, COUNTED_AFTER
            )
        try:
            total = await meters.sum_counted_credits(self._stripe, usage.customer, start, start + HOUR)
        except Problem as problem:
            await self._record_failure(usage, str(problem))
            return not isinstance(problem, PaymentsUnavailable)
        await self._resolve_hour(usage, start, before, total)
        return True

    async def _resolve_hour(self, usage: OverageUsage, start: datetime, before: HourUsage, total: int) -> None:
        """Mark an hour's doubtful entries as sent or unsent by Stripe's `total`. Our side must not have changed while
        Stripe was asked, or the two figures are of different times.
        """
        async with transaction(self._pool) as db:
            now = await meter_events.lock_hour_usage(
                db, usage.user_id, start, start + HOUR, RESEND_WINDOW, COUNTED_AFTER
            )
            if now.under_way or now != before:
                reason = "Another entry of this hour is under way."
                await meter_events.retry_later(db, usage.entry_id, RECHECK_DELAY, reason)
                return
            counted = infer_counted_entries(now.doubtful, total - now.reported)
            if counted is not None:
                await meter_events.mark_sent(db, sorted(counted))
                await meter_events.mark_unsent(db, sorted(now.doubtful.keys() - counted))
                return
            hour = f"{start:%Y-%m-%d %H:%M} UTC"
            reason = f"Stripe counts {total} credits in the hour from {hour}; {now.reported} were reported."
            await meter_events.mark_unclear(db, sorted(now.doubtful), reason)
        log.error("usage_unclear", user_id=usage.user_id, entry_ids=sorted(now.doubtful))


def hour_start(time: datetime) -> datetime:
    """The beginning of the hour, as Stripe counts hours."""
    return time.replace(minute=0, second=0, microsecond=0)


def infer_counted_entries(doubtful: Mapping[str, int], missing: int) -> frozenset[str] | None:
    """The entries (id to credits) that together make up the `missing` credits, which Stripe counts beyond what it
    certainly has; None if no combination does, or more than one.
    """
    if len(doubtful) > MOST_COMBINED:
        none_or_all = {0: frozenset[str](), sum(doubtful.values()): frozenset(doubtful)}
        return none_or_all.get(missing)
    choices = [
        frozenset(choice)
        for size in range(len(doubtful) + 1)
        for choice in combinations(doubtful, size)
        if sum(doubtful[entry_id] for entry_id in choice) == missing
    ]
    return choices[0] if len(choices) == 1 else None


# -- refusals -----------------------------------------------------------------------------------------------


async def record_refusals(pool: Pool, errors: list[MeterErrorType]) -> None:
    """Mark the entries that Stripe's report says were not counted. It names only some of those it is about."""
    for error in errors:
        samples = error.sample_errors
        entry_ids = sorted({id for sample in samples for id in ENTRY_ID.findall(sample.request.identifier)})
        reason = f"{error.code}: {samples[0].error_message if samples else 'no sample'}"
        async with transaction(pool) as db:
            refused = await meter_events.mark_refused(db, entry_ids, reason)
        log.error("usage_refused", code=error.code, error_count=error.error_count, entry_ids=refused)


async def requeue_refused(pool: Pool) -> int:
    """Send again what was refused for a curable reason, once Stripe has forgotten the identifiers; return how many
    entries that are.
    """
    async with transaction(pool) as db:
        return await meter_events.requeue_refused(db, CURABLE, FORGOTTEN_AFTER)
