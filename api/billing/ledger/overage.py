"""Overage as its person sets it: credits used above what is there, paid with the next invoice. Knows no HTTP."""

from __future__ import annotations

from api.billing.ledger import grants
from api.billing.tariff.tariff import TariffOverage
from api.errors import Conflict, Invalid, NotSubscribed, SubscriptionUnpaid
from api.sql import ledger_entries
from api.sql.connection import Database
from api.sql.ledger_entries import Subscription

WHY_NOT = {
    "trialing": "Overage begins when the trial is over and the plan is paid for; allow it then.",
    "past_due": "The plan's last invoice is not paid. Pay it by POST /v1/billing/portal, then allow overage.",
}


async def allow_overage(db: Database, user_id: str, cap: int | None, terms: TariffOverage) -> None:
    """Let so many credits of a period be used above what is there, from now on; None for as many as is usual.

    Raises NotSubscribed, SubscriptionUnpaid or Conflict where there is nothing it could be paid with, and Invalid.
    """
    wanted = terms.default_cap if cap is None else cap
    if wanted > terms.max_cap:
        detail = f"`cap` may be up to {terms.max_cap} credits, and this one is {wanted}."
        raise Invalid(detail, param="cap", limit=terms.max_cap)
    await ledger_entries.lock_user(db, user_id)
    _refuse_unpaid(await ledger_entries.subscription(db, user_id))
    await ledger_entries.set_overage_cap(db, user_id, wanted)
    await grants.sync_overage_line(db, user_id)


async def forbid_overage(db: Database, user_id: str) -> None:
    """Let nothing more be used above what is there. What was used stays to be paid."""
    await ledger_entries.lock_user(db, user_id)
    await ledger_entries.set_overage_cap(db, user_id, None)
    await grants.sync_overage_line(db, user_id)


def _refuse_unpaid(subscription: Subscription | None) -> None:
    if subscription is None:
        raise NotSubscribed(
            "Overage is paid with the invoices of a plan, and you have none. Choose one with POST /v1/billing/checkout."
        )
    if subscription.status != "active":
        raise SubscriptionUnpaid(WHY_NOT[subscription.status])
    if subscription.metered_item is None:
        raise Conflict(
            "This subscription was made or changed by hand and has no price for overage. Write to whoever runs this"
            " server, or use packs: POST /v1/billing/packs/checkout."
        )
