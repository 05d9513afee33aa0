"""When the months of an allowance begin and end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.billing.tariff.plans import allowance_month


@pytest.mark.parametrize(
    ("anchor", "now", "start", "end"),
    [
        ("2026-01-15", "2026-01-15", "2026-01-15", "2026-02-15"),
        ("2026-01-31", "2026-02-27", "2026-01-31", "2026-02-28"),
        ("2026-01-31", "2026-02-28", "2026-02-28", "2026-03-31"),
        ("2026-01-31", "2026-12-31", "2026-12-31", "2027-01-31"),
        ("2024-02-29", "2026-11-22", "2026-10-29", "2026-11-29"),
    ],
)
def test_months_begin_on_the_day_of_the_account(anchor: str, now: str, start: str, end: str) -> None:
    found = allowance_month(_day(anchor), _day(now))
    assert (found.start, found.end) == (_day(start), _day(end))


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
