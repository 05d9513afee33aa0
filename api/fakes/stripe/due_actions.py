"""What happens by itself when its time comes, in order: each step is one transaction, at the moment it was due."""

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


def run_due_actions(world: StripeAccount, until: int | None = None) -> int:
    """Let everything happen that is due by now, or by `until`; gives how many steps that were."""
    limit, count = world.now() if until is None else until, 0
    while (step := world.due_actions.next_action()) is not None and step.due_at <= limit:
        with world.clock.standing_at(step.due_at), world.store.transaction():
            world.request_context = RequestContext()
            world.due_actions.cancel(step.kind, step.subject)
            ACTIONS[step.kind](world, step.subject)
        count += 1
    return count


def advance_clock(world: StripeAccount, seconds: int) -> int:
    """Go ahead in time, with everything that happens on the way; gives how many steps that were."""
    until = world.now() + seconds
    count = run_due_actions(world, until)
    world.clock.move_forward(max(0, until - world.now()))
    return count
