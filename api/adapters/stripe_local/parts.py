"""What the process holds: handed to every handler as `parts`."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from api.adapters.stripe_local.delivery import Courier
from api.adapters.stripe_local.faults import Faults
from api.adapters.stripe_local.heart import Heart
from api.adapters.stripe_local.world import World


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
