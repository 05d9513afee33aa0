"""Every route there is, and the one that fits a request."""

from __future__ import annotations

import re
from collections.abc import Callable

from api.fakes.stripe import errors
from api.fakes.stripe.errors import Json
from api.fakes.stripe.resources import (
    customers,
    invoices,
    meters,
    payment_methods,
    payments,
    portals,
    prices,
    products,
    schedules,
    sessions,
    subscriptions,
    webhooks,
)

Handler = Callable[..., Json]
"""Takes the world, the parameters, and the ids in the path."""

MODULES = (
    customers,
    invoices,
    meters,
    payment_methods,
    payments,
    portals,
    prices,
    products,
    schedules,
    sessions,
    subscriptions,
    webhooks,
)
PATTERNS: list[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(pattern.replace("{}", "([^/]+)")), handler)
    for module in MODULES
    for method, pattern, handler in module.ROUTES
]


def find(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """What to do, and the ids to do it with. Raises StripeError 404."""
    for verb, pattern, handler in PATTERNS:
        match = pattern.fullmatch(path)
        if match is not None and verb == method:
            return handler, match.groups()
    raise errors.no_route(method, path)
