"""All API routes, and the one that matches a request."""

from __future__ import annotations

import re
from collections.abc import Callable

from api.fakes.stripe import errors
from api.fakes.stripe.errors import Json
from api.fakes.stripe.resources import (
    checkout_line_items,
    checkout_sessions,
    customers,
    invoices,
    meter_events,
    meters,
    payment_methods,
    payments,
    portals,
    prices,
    products,
    refunds,
    schedules,
    subscriptions,
    webhooks,
)

Handler = Callable[..., Json]
"""Takes the account, the parameters, and the ids in the path."""

ROUTES = (
    *customers.ROUTES,
    *checkout_line_items.ROUTES,
    *checkout_sessions.ROUTES,
    *invoices.ROUTES,
    *meter_events.ROUTES,
    *meters.ROUTES,
    *payment_methods.ROUTES,
    *payments.ROUTES,
    *portals.ROUTES,
    *prices.ROUTES,
    *products.ROUTES,
    *refunds.ROUTES,
    *schedules.ROUTES,
    *subscriptions.ROUTES,
    *webhooks.ROUTES,
)
ROUTE_PATTERNS: list[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(pattern.replace("{}", "([^/]+)")), handler) for method, pattern, handler in ROUTES
]


def match_route(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """The handler and the ids in the path. Raises StripeError 404."""
    for verb, pattern, handler in ROUTE_PATTERNS:
        match = pattern.fullmatch(path)
        if match is not None and verb == method:
            return handler, match.groups()
    raise errors.unrecognized_url(method, path)
