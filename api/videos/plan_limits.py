"""The limits that a user's plan sets to a clip: its length and its short side."""

from __future__ import annotations

from api.billing.tariff.plans import TariffPlan
from api.errors import PlanLimit
from engine.types import Request


def check_plan_limits(request: Request, plan: TariffPlan) -> None:
    """Raise PlanLimit for a clip that is longer or larger than the plan allows."""
    if request.seconds > plan.max_seconds:
        detail = (
            f"The {plan.name} plan makes clips of up to {plan.max_seconds} seconds, "
            f"and this one has {request.seconds:g}."
        )
        raise PlanLimit(detail, param="seconds", limit=plan.max_seconds)
    short_side = min(request.width, request.height)
    if short_side > plan.max_short_side:
        detail = (
            f"The {plan.name} plan makes clips of up to {plan.max_short_side} pixels on the short side, "
            f"and this one has {short_side}."
        )
        raise PlanLimit(detail, param="size", limit=plan.max_short_side)
