"""Runs due actions in order: each in one transaction, with the clock at the moment it was due."""

from __future__ import annotations

from collections.abc import Callable

from api.fakes.stripe.account import RequestContext, StripeAccount
from api.fakes.stripe.simulation import (
    checkout_sessions,
    meter_errors,
    payment_outcomes,
    refunds,
    renewals,
    schedules,
)

ACTIONS: dict[str, Callable[[StripeAccount, str], None]] = {
    "cycle": renewals.renew_subscription,
    "expire_incomplete": payment_outcomes.expire_incomplete,
    "expire_pending": payment_outcomes.expire_pending_update,
    "expire_session": checkout_sessions.expire_if_open,
    "finalise": renewals.finalize_draft,
    "meter_errors": meter_errors.report_meter_errors,
    "phase": schedules.end_phase,
    "refund": refunds.settle_refund,
    "retry": renewals.retry_payment,
    "trial_ends": renewals.announce_trial_end,
}


def run_due_actions(account: StripeAccount, until: int | None = None) -> int:
    """Run everything due by now, or by `until`; returns the number of actions."""
    limit, count = account.now() if until is None else until, 0
    while (action := account.due_actions.next_action()) is not None and action.due_at <= limit:
        with account.clock.standing_at(action.due_at), account.store.transaction():
            account.request_context = RequestContext()
            account.due_actions.cancel(action.kind, action.subject)
            ACTIONS[action.kind](account, action.subject)
        count += 1
    return count


def advance_clock(account: StripeAccount, seconds: int) -> int:
    """Advance the clock and run everything due on the way; returns the number of actions."""
    until = account.now() + seconds
    count = run_due_actions(account, until)
    account.clock.move_forward(max(0, until - account.now()))
    return count
