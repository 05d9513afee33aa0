"""Overage as the user sets it: credits beyond the balance, paid with the next invoice. Knows no HTTP."""

from __future__ import annotations

from api.billing.ledger.grants import sync_overage_line
from api.billing.tariff.tariff import TariffOverage
from api.errors import Conflict, Invalid, NotSubscribed, SubscriptionUnpaid
from api.sql import subscriptions
from api.sql.connection import Database
from api.sql.ledger import ledger_users
from api.sql.subscriptions import SubscriptionRow

UNPAID_REASONS = {
    "trialing": "Overage begins when the trial is over and the plan is paid for; allow it then.",
    "past_due": "The plan's last invoice is not paid. Pay it by POST /v1/billing/portal, then allow overage.",
}


async def allow_overage(db: Database, user_id: str, cap: int | None, terms: TariffOverage) -> None:
    """Allow `cap` credits of overage a period from now on; None for the tariff's default.

    Raises NotSubscribed, SubscriptionUnpaid or Conflict where there is nothing it could be paid with, and Invalid.
    """
    new_cap = terms.default_cap if cap is None else cap
    if new_cap > terms.max_cap:
        detail = f"`cap` may be up to {terms.max_cap} credits, and this one is {new_cap}."
        raise Invalid(detail, param="cap", limit=terms.max_cap)
    await ledger_users.lock_user(db, user_id)
    _refuse_unpaid(await subscriptions.find_current(db, user_id))
    await ledger_users.set_overage_cap(db, user_id, new_cap)
    await sync_overage_line(db, user_id)


async def forbid_overage(db: Database, user_id: str) -> None:
    """Allow no more overage. What was used stays to be paid."""
    await ledger_users.lock_user(db, user_id)
    await ledger_users.set_overage_cap(db, user_id, None)
    await sync_overage_line(db, user_id)


def _refuse_unpaid(subscription: SubscriptionRow | None) -> None:
    if subscription is None:
        raise NotSubscribed(
            "Overage is paid with the invoices of a plan, and you have none. Choose one with POST /v1/billing/checkout."
        )
    if subscription.status != "active":
        raise SubscriptionUnpaid(UNPAID_REASONS[subscription.status])
    if subscription.metered_item is None:
        raise Conflict(
            "This subscription was made or changed by hand and has no price for overage. Write to the operator of"
            " this server, or use packs: POST /v1/billing/packs/checkout."
        )
