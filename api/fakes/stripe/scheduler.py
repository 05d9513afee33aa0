"""Background task: runs due actions and delivers due events."""

from __future__ import annotations

import asyncio
from typing import Never

from api.fakes.stripe import due_actions
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.delivery import WebhookSender

MAX_SLEEP = 3600.0
"""Seconds after which the clock is checked in any case: the machine may have been suspended."""


class Scheduler:
    """Sleeps until something is due, or until it is woken because something may be."""

    def __init__(self, account: StripeAccount, courier: WebhookSender) -> None:
        self._account, self._courier = account, courier
        self._wake_event = asyncio.Event()

    def wake(self) -> None:
        """Check again now."""
        self._wake_event.set()

    async def run_forever(self) -> Never:
        while True:
            self._wake_event.clear()
            due_actions.run_due_actions(self._account)
            await self._courier.deliver_due()
            await self._sleep_until_due()

    async def _sleep_until_due(self) -> None:
        action, delivery = self._account.due_actions.next_action(), self._courier.next_due_at()
        due_times = [due_at for due_at in (action.due_at if action else None, delivery) if due_at is not None]
        remaining = min((due_at - self._account.clock.exact_time() for due_at in due_times), default=MAX_SLEEP)
        try:
            await asyncio.wait_for(self._wake_event.wait(), min(max(0.0, remaining), MAX_SLEEP))
        except TimeoutError:
            return
