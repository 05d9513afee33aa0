"""Fault injection: rules that make requests or deliveries fail, by pattern, count or probability."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

REQUEST_KINDS = (
    "500_before",
    "500_after",
    "reset_before",
    "reset_after",
    "timeout_before",
    "timeout_after",
    "slow",
    "409",
    "429",
)
DELIVERY_KINDS = ("delay", "drop", "duplicate", "reorder")


@dataclass(slots=True)
class FaultRule:
    """One injected fault.

    `count` is how often it is left to occur (None: always), `probability` how likely each time, drawn from `seed`.
    `route` is a pattern such as `POST /v1/checkout/*`, or of event types for a delivery. `seconds` is how long it
    hangs, is slow or late; `times` how many duplicates are sent. `retry_after` and `should_retry` become headers of a
    429 or 500.
    """

    kind: str
    route: str = "*"
    count: int | None = 1
    probability: float = 1.0
    seed: int = 0
    seconds: float = 60.0
    times: int = 1
    retry_after: int | None = None
    should_retry: bool | None = None
    chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - the same faults again for the same seed

    def should_fail(self, name: str) -> bool:
        """Whether the fault occurs this time; counts it."""
        if self.count == 0 or not fnmatchcase(name, self.route) or self.chance.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True

    def response_headers(self) -> dict[str, str]:
        """Retry headers of an error response."""
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.should_retry is not None:
            headers["Stripe-Should-Retry"] = "true" if self.should_retry else "false"
        return headers


class FaultRules:
    """The active rules in order of creation; the first that matches applies."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        self.rules: list[FaultRule] = []
        self.occurrences: dict[str, int] = {}

    def pick_fault(self, name: str) -> FaultRule | None:
        """The fault that applies to a route or event type."""
        for rule in self.rules:
            if rule.should_fail(name):
                self.occurrences[rule.kind] = self.occurrences.get(rule.kind, 0) + 1
                return rule
        return None

    def clear_rules(self) -> None:
        self.rules.clear()
        self.occurrences.clear()
