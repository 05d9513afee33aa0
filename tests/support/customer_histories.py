"""Histories of customers, drawn from a seed: what each does at Stripe, phase by phase, with one clock for all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from api import ids
from api.billing.stripe import checkout_sessions, customers, lookup_keys, reads
from api.billing.stripe.checkout_sessions import CheckoutSpec
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.stripe.objects import StripeSubscription
from api.billing.stripe.subscriptions import schedule_change, upgrade_now
from api.billing.tariff import tariff
from api.errors import CardDeclined
from api.sql.connection import Pool
from tests.support.stripe_process import StripeProcess

SOLD = tariff.load_tariff()
KINDS = ("plus", "pro", "trial", "metered", "packs")
"""How a history begins; `metered` customers will use more than they have."""
LATER = (
    "upgrade", "downgrade", "cancel", "cancel_later", "pack", "refund_part", "refund_all", "dispute", "fail", "recover",
    "nothing",
)  # fmt: skip
AT_ONCE = 6  # requests under way


@dataclass
class CustomerHistory:
    """One customer, and what has happened so far."""

    number: int
    kind: str
    plan: list[str]
    user_id: str = field(default_factory=lambda: ids.new_id(ids.USER))
    customer: str = ""
    subscription: str = ""
    disputes: list[str] = field(default_factory=list)

    @property
    def card(self) -> str:
        """Some banks take their time with a refund, and some send it back."""
        return {7: "4000000000007726", 8: "4000000000005126"}.get(self.number % 9, "4242424242424242")

    @property
    def has_failing_card(self) -> bool:
        return "fail" in self.plan


def draw_histories(count: int, seed: int) -> list[CustomerHistory]:
    """So many histories; the same for the same seed."""
    chance = random.Random(seed)
    return [
        CustomerHistory(number, KINDS[number % len(KINDS)], [chance.choice(LATER) for _ in range(4)])
        for number in range(count)
    ]


async def run_histories(histories: Sequence[CustomerHistory], act: Callable[[CustomerHistory], Awaitable[Any]]) -> None:
    """Do it for all, several at a time."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(history: CustomerHistory) -> None:
        async with limit:
            await act(history)

    async with asyncio.TaskGroup() as tasks:
        for history in histories:
            tasks.create_task(one(history))


class CustomerActions:
    """What people do at Stripe. `pools` are the databases that are to end in the same state; both know who they are."""

    def __init__(self, stripe_process: StripeProcess, pools: Sequence[Pool]) -> None:
        self._stripe_process = stripe_process
        self._stripe = stripe_process.stripe
        self._pools = pools
        self._prices = PriceCatalog(stripe_process.stripe)

    async def begin_history(self, history: CustomerHistory) -> None:
        """Somebody comes, and buys something."""
        made = await customers.create_customer(self._stripe, history.user_id, f"{history.user_id}@example.org")
        history.customer = made.id
        for pool in self._pools:
            async with pool.acquire() as db:
                await db.execute(
                    """
                    INSERT INTO users (id, email, password_hash, full_allowance, stripe_customer)
                    VALUES ($1, $2, '', true, $3)
                    """,
                    history.user_id,
                    f"{history.user_id}@example.org",
                    history.customer,
                )
        if history.kind == "packs":
            await self.buy_pack(history)
        else:
            await self._subscribe(history)

    async def _subscribe(self, history: CustomerHistory) -> None:
        plan = SOLD.find_plan("pro" if history.kind == "pro" else "plus")
        keys = (lookup_keys.plan_key(plan), lookup_keys.overage_key(SOLD.overage))
        price, metered = await self._prices.find_prices(*keys)
        order = self._checkout_spec(
            history, price=price, metered=metered, trial_days=plan.trial_days if history.kind == "trial" else 0
        )
        session = await checkout_sessions.create_subscription_checkout(self._stripe, order)
        await self._record_checkout(history, order, "subscription", plan.name, session.id)
        assert await self._stripe_process.complete_checkout(session.url or "", history.card)
        history.subscription = (await reads.retrieve_checkout_session(self._stripe, session.id)).subscription or ""

    async def buy_pack(self, history: CustomerHistory) -> None:
        """Somebody buys a pack."""
        pack = SOLD.find_pack(("small", "medium", "large")[history.number % 3])
        (price,) = await self._prices.find_prices(lookup_keys.pack_key(pack))
        order = self._checkout_spec(history, price=price, quantity=1 + history.number % 2)
        session = await checkout_sessions.create_pack_checkout(self._stripe, order)
        await self._record_checkout(history, order, "pack", pack.name, session.id)
        await self._stripe_process.complete_checkout(session.url or "", history.card)

    def _checkout_spec(self, history: CustomerHistory, **changes: Any) -> CheckoutSpec:
        return CheckoutSpec(
            id=ids.new_id("checkout"), user_id=history.user_id, customer=history.customer, locale="en",
            success_url="https://example.org/", cancel_url=None, **changes,
        )  # fmt: skip

    async def _record_checkout(
        self, history: CustomerHistory, order: CheckoutSpec, kind: str, item: str, session: str
    ) -> None:
        for pool in self._pools:
            async with pool.acquire() as db:
                # A create of a checkout reads from Stripe what became of the last one.
                await db.execute(
                    """
                    UPDATE checkouts
                    SET state = 'completed'
                    WHERE user_id = $1 AND kind = $2 AND state = 'open'
                    """,
                    history.user_id,
                    kind,
                )
                await db.execute(
                    """
                    INSERT INTO checkouts (id, user_id, kind, item, version, quantity, success_url, locale, session)
                    VALUES ($1, $2, $3, $4, 1, $5, 'x', 'en', $6)
                    """,
                    order.id, history.user_id, kind, item, order.quantity, session,
                )  # fmt: skip

    async def run_phase(self, history: CustomerHistory, phase: int) -> None:
        """What a history has in store for this phase; what is not possible as things stand is left out."""
        act = history.plan[phase]
        if act in ("pack", "nothing"):
            await (self.buy_pack(history) if act == "pack" else asyncio.sleep(0))
        elif act in ("refund_part", "refund_all", "dispute"):
            await self._claim_payment(history, act)
        elif act in ("fail", "recover"):
            await self._stripe_process.call_control_route(
                "cards", customer=history.customer, count=None if act == "fail" else 0
            )
        elif history.subscription:
            await self._change_subscription(act, await reads.retrieve_subscription(self._stripe, history.subscription))

    async def _change_subscription(self, act: str, seen: StripeSubscription) -> None:
        item = seen.plan_item
        if seen.status not in ("active", "trialing") or item is None or seen.pending_update:
            return
        pro = lookup_keys.plan_key(SOLD.find_plan("pro")) == item.price.lookup_key
        if act == "cancel":
            await self._stripe.request(lambda c: c.v1.subscriptions.cancel_async(seen.id), StripeSubscription)
        elif act == "cancel_later" and not seen.schedule:
            change: Any = {"cancel_at_period_end": True}
            await self._stripe.request(lambda c: c.v1.subscriptions.update_async(seen.id, change), StripeSubscription)
        elif act == "upgrade" and not pro and not seen.schedule:
            (price,) = await self._prices.find_prices(lookup_keys.plan_key(SOLD.find_plan("pro")))
            now = (await self._stripe_process.http_client.get("/_local/clock")).json()["now"]
            with suppress(CardDeclined):
                await upgrade_now(self._stripe, seen, item, price, now, ids.new_id("x"))
        elif act == "downgrade" and pro and not seen.cancel_at:
            (price,) = await self._prices.find_prices(lookup_keys.plan_key(SOLD.find_plan("plus")))
            await schedule_change(self._stripe, seen, item, price)

    async def _claim_payment(self, history: CustomerHistory, act: str) -> None:
        charges = (await self._stripe_process.call_stripe("GET", "/v1/payment_intents", customer=history.customer))[
            "data"
        ]
        paid = [one for one in charges if one["status"] == "succeeded"]
        if not paid:
            return
        payment = paid[history.number % len(paid)]
        charge = await self._stripe_process.call_stripe("GET", "/v1/charges/" + payment["latest_charge"])
        left = charge["amount_captured"] - charge["amount_refunded"]
        if charge["disputed"] or not left:
            return
        if act == "dispute":
            history.disputes.append(
                (await self._stripe_process.call_control_route("disputes", payment_intent=payment["id"]))["id"]
            )
            return
        amount = left if act == "refund_all" else max(1, left // 3)
        await self._stripe_process.call_stripe("POST", "/v1/refunds", payment_intent=payment["id"], amount=amount)

    async def close_disputes(self, history: CustomerHistory) -> None:
        """The bank decides: some disputes stay open."""
        for place, dispute in enumerate(history.disputes):
            verdict = (history.number + place) % 3
            if verdict < 2:
                await self._stripe_process.call_control_route(
                    f"disputes/{dispute}/close", outcome=("won", "lost")[verdict]
                )

    async def recover_card(self, history: CustomerHistory) -> None:
        """Somebody whose card failed has another one, and pays what is open."""
        await self._stripe_process.call_control_route("cards", customer=history.customer, count=0)
        if history.number % 2 == 0:
            open_ = (
                await self._stripe_process.call_stripe("GET", "/v1/invoices", customer=history.customer, status="open")
            )["data"]
            for invoice in open_:
                await self._stripe_process.call_stripe("POST", f"/v1/invoices/{invoice['id']}/pay")
