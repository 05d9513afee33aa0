"""Telling Stripe of overage: each settled entry becomes one meter event, whose identifier is the entry's id.

Stripe knows an identifier again for a day. Within that day an entry may be sent as often as it takes; after it, only
once Stripe's own count of the customer's hour has shown that the entry is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import combinations

import structlog

from api.billing.events.backoff import retry_delay
from api.billing.stripe.client import Stripe
from api.billing.stripe.objects import MeterErrorType
from api.errors import PaymentsAway, Problem
from api.sql import meter_events
from api.sql.connection import Pool, transaction
from api.sql.meter_events import HourUsage, OverageUsage

log = structlog.get_logger()

LEASE = 120.0  # seconds that one entry may take, with all tries of the library
WINDOW = 23 * 3600.0  # seconds after the first try in which another may follow; Stripe promises 24 hours
FORGOTTEN = 25 * 3600.0  # seconds after which Stripe surely takes a refused identifier again
LATEST = 35 * 86400.0  # seconds after which Stripe takes no usage any more
ALERT_AFTER = 34 * 86400.0  # seconds after which somebody must look
SETTLED = 3600.0  # seconds after which Stripe's count surely has what it was told; it counts in its own time
LOOK_AGAIN = 900.0  # seconds until another look at an hour in which something is still under way
MOST_DOUBTFUL = 12  # entries of one hour of which every combination is tried
HOUR = timedelta(hours=1)
CUSTOMER_NOT_FOUND = "meter_event_customer_not_found"
CURABLE = (CUSTOMER_NOT_FOUND, "archived_meter", "no_meter")
"""Reasons for a refusal that somebody can take away, so that sending again helps."""
ENTRY = re.compile(r"entry_[0-9A-HJKMNP-TV-Z]{26}")
NOBODY = "Stripe has no customer for this user."


class UsageReporter:
    """One worker's side of the outbox."""

    def __init__(self, pool: Pool, stripe: Stripe) -> None:
        self._pool = pool
        self._stripe = stripe

    async def drain(self) -> None:
        """Send what is due and look into what is doubtful, until nothing is left or Stripe is away."""
        while await self._send_next() or await self._resolve_next_doubtful():
            pass

    async def _send_next(self) -> bool:
        """Send one entry; False if none is due, or Stripe is away."""
        async with transaction(self._pool) as db:
            usage = await meter_events.claim_sendable(db, LEASE, WINDOW)
        if usage is None:
            return False
        return await self._report_usage(usage)

    async def _report_usage(self, usage: OverageUsage) -> bool:
        if usage.customer is None:
            return await self._record_failure(usage, NOBODY)
        if usage.age > LATEST:
            return await self._give_up(usage)
        try:
            await self._stripe.meter_event(
                customer=usage.customer,
                credits=usage.credits,
                identifier=usage.entry_id,
                at=usage.occurred_at,
                attempt=usage.tries,
            )
        except Problem as problem:
            await self._record_failure(usage, str(problem))
            return not isinstance(problem, PaymentsAway)
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
        async with transaction(self._pool) as db:
            await meter_events.mark_refused(
                db, [usage.entry_id], "Older than 35 days, which is more than Stripe takes."
            )
        return True

    async def _resolve_next_doubtful(self) -> bool:
        """Look into the hour of one doubtful entry; False if there is none, or Stripe is away."""
        async with transaction(self._pool) as db:
            usage = await meter_events.claim_doubtful(db, LEASE, WINDOW)
        if usage is None:
            return False
        if usage.customer is None:
            return await self._record_failure(usage, NOBODY)
        start = hour_start(usage.occurred_at)
        async with transaction(self._pool) as db:
            before = await meter_events.lock_hour_usage(db, usage.user_id, start, start + HOUR, WINDOW, SETTLED)
        try:
            total = await self._stripe.meter_total(usage.customer, start, start + HOUR)
        except Problem as problem:
            await self._record_failure(usage, str(problem))
            return not isinstance(problem, PaymentsAway)
        await self._resolve_hour(usage, start, before, total)
        return True

    async def _resolve_hour(self, usage: OverageUsage, start: datetime, before: HourUsage, total: int) -> None:
        """Say of an hour's doubtful entries which Stripe has: they were sent, the others were not. What we hold must
        have been the same all the while Stripe was asked, or the two figures are of different times.
        """
        async with transaction(self._pool) as db:
            known = await meter_events.lock_hour_usage(db, usage.user_id, start, start + HOUR, WINDOW, SETTLED)
            if known.under_way or known != before:
                await meter_events.retry_later(
                    db, usage.entry_id, LOOK_AGAIN, "Another entry of this hour is under way."
                )
                return
            counted = infer_counted_entries(known.doubtful, total - known.told)
            if counted is not None:
                await meter_events.mark_sent(db, sorted(counted))
                await meter_events.mark_unsent(db, sorted(known.doubtful.keys() - counted))
                return
            reason = (
                f"Stripe counts {total} credits in the hour from {start:%Y-%m-%d %H:%M} UTC; {known.told} are told."
            )
            await meter_events.mark_unclear(db, sorted(known.doubtful), reason)
        log.error("usage_unclear", user_id=usage.user_id, entry_ids=sorted(known.doubtful))


def hour_start(moment: datetime) -> datetime:
    """The beginning of the hour, as Stripe counts hours."""
    return moment.replace(minute=0, second=0, microsecond=0)


def infer_counted_entries(doubtful: Mapping[str, int], missing: int) -> frozenset[str] | None:
    """Which entries together make up the credits that Stripe counts beyond what it was surely told; None if none do,
    or more than one choice does.
    """
    if len(doubtful) > MOST_DOUBTFUL:
        every = {0: frozenset[str](), sum(doubtful.values()): frozenset(doubtful)}
        return every.get(missing)
    choices = [
        frozenset(choice)
        for size in range(len(doubtful) + 1)
        for choice in combinations(doubtful, size)
        if sum(doubtful[entry] for entry in choice) == missing
    ]
    return choices[0] if len(choices) == 1 else None


async def requeue_refused(pool: Pool) -> int:
    """Send again what was refused for a reason that may be gone, once Stripe has forgotten the identifiers; return how
    many entries that are.
    """
    async with transaction(pool) as db:
        return await meter_events.requeue_refused(db, CURABLE, FORGOTTEN)


async def record_refusals(pool: Pool, errors: list[MeterErrorType]) -> None:
    """Note what a report of Stripe's says was not counted. It names only some of the events it is about."""
    for error in errors:
        entries = sorted({name for one in error.sample_errors for name in ENTRY.findall(one.request.identifier)})
        said = f"{error.code}: {error.sample_errors[0].error_message if error.sample_errors else 'no sample'}"
        async with transaction(pool) as db:
            refused = await meter_events.mark_refused(db, entries, said)
        log.error("usage_refused", code=error.code, error_count=error.error_count, entry_ids=refused)
