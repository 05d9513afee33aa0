"""What goes on while nobody asks: time passes, and events are delivered when they are due."""

from __future__ import annotations

import asyncio
from typing import Never

from api.fakes.stripe import due_actions
from api.fakes.stripe.account import World
from api.fakes.stripe.delivery import Courier

LONGEST = 3600.0
"""Seconds after which it looks at the clock in any case: the machine may have slept."""


class Heart:
    """Sleeps until something is due, or until it is woken because something may be."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world, self._courier = world, courier
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look again now."""
        self._woken.set()

    async def beat(self) -> Never:
        """Go on until cancelled."""
        while True:
            self._woken.clear()
            due_actions.catch_up(self._world)
            await self._courier.deliver()
            await self._sleep()

    async def _sleep(self) -> None:
        step, delivery = self._world.timetable.next(), self._courier.next_due()
        moments = [moment for moment in (step.due if step else None, delivery) if moment is not None]
        left = min((moment - self._world.clock.exact() for moment in moments), default=LONGEST)
        try:
            await asyncio.wait_for(self._woken.wait(), min(max(0.0, left), LONGEST))
        except TimeoutError:
            return
