"""What the process holds: handed to every handler as `parts`."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from api.fakes.stripe.account import World
from api.fakes.stripe.delivery import Courier
from api.fakes.stripe.faults import Faults
from api.fakes.stripe.scheduler import Heart


@dataclass(frozen=True, slots=True)
class Parts:
    """The account, what goes wrong with requests and with deliveries, and what goes on by itself."""

    world: World
    requests: Faults
    deliveries: Faults
    courier: Courier
    heart: Heart


Given = NamedDependency[SkipValidation[Parts]]
"""How a handler asks for them."""
