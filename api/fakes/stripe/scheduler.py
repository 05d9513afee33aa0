"""What goes on while nobody asks: time passes, and events are delivered when they are due."""

from __future__ import annotations

import asyncio
from typing import Never

from api.fakes.stripe import due_actions
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.delivery import WebhookSender

MAX_SLEEP = 3600.0
"""Seconds after which it looks at the clock in any case: the machine may have slept."""


class Scheduler:
    """Sleeps until something is due, or until it is woken because something may be."""

    def __init__(self, world: StripeAccount, courier: WebhookSender) -> None:
        self._world, self._courier = world, courier
        self._wake_event = asyncio.Event()

    def wake(self) -> None:
        """Look again now."""
        self._wake_event.set()

    async def run_forever(self) -> Never:
        """Go on until cancelled."""
        while True:
            self._wake_event.clear()
            due_actions.run_due_actions(self._world)
            await self._courier.deliver_due()
            await self._sleep_until_due()

    async def _sleep_until_due(self) -> None:
        step, delivery = self._world.due_actions.next_action(), self._courier.next_due_at()
        moments = [moment for moment in (step.due_at if step else None, delivery) if moment is not None]
        left = min((moment - self._world.clock.exact_time() for moment in moments), default=MAX_SLEEP)
        try:
            await asyncio.wait_for(self._wake_event.wait(), min(max(0.0, left), MAX_SLEEP))
        except TimeoutError:
            return
