"""Subscriptions are copied in the order in which they were read, and end whoever their customer or price is."""

from __future__ import annotations

import msgspec

from api.billing.stripe import reads
from api.billing.stripe.client import Call, Stripe, T
from api.billing.stripe.objects import StripeList, StripeSubscription
from api.billing.stripe.subscriptions import cancel_now
from api.billing.subscriptions.sync import sync_subscription
from api.http.state import AppState
from tests.support.customer_histories import SOLD, World
from tests.support.late_readers import Dawdling, overtaken
from tests.support.stripe_process import Local
from tests.support.subscribers import apply, lots, plan, run, subscriber


async def test_a_stale_read_is_never_written_over_a_newer_one(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    slow = Dawdling(local.settings, StripeSubscription)
    await overtaken(
        real.pool,
        slow,
        sync_subscription(real.pool, slow, SOLD, user.subscription),
        lambda: local.stripe.request_without_answer(lambda c: c.v1.subscriptions.cancel_async(user.subscription)),
        sync_subscription(real.pool, local.stripe, SOLD, user.subscription),
    )
    assert await plan(real.pool, user) == ("free", None)


async def test_a_subscription_without_an_owner_is_ignored(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    await run(real.pool, "UPDATE users SET stripe_customer = 'cus_another'")
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    await apply(real, local, "subscription", user.subscription)
    await apply(real, local, "invoice", seen.latest_invoice or "")
    assert await plan(real.pool, user) == ("free", None)
    assert await lots(real.pool, user) == {}


async def test_a_known_subscription_ends_under_another_customer(real: AppState, local: Local) -> None:
    """The customer was deleted at Stripe, which ends the subscription, and another was made before that was heard."""
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    await run(real.pool, "UPDATE users SET stripe_customer = 'cus_another'")
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    await apply(real, local, "invoice", seen.latest_invoice or "")
    assert list((await lots(real.pool, user)).values()) == [(3000, 3000)]
    await cancel_now(local.stripe, user.subscription)
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("free", None)


async def test_a_known_subscription_ends_under_another_price(real: AppState, local: Local) -> None:
    """Somebody has agreed another price with the customer, by hand at Stripe."""
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    by_hand = Agreeing(local.settings, pause=0.02)
    await sync_subscription(real.pool, by_hand, SOLD, user.subscription)
    assert await plan(real.pool, user) == ("plus", 1)
    await cancel_now(local.stripe, user.subscription)
    await sync_subscription(real.pool, by_hand, SOLD, user.subscription)
    assert await plan(real.pool, user) == ("free", None)
    await by_hand.close()


class Agreeing(Stripe):
    """A Stripe whose subscriptions are for prices that were agreed, and not for those of the tariff."""

    async def request(self, call: Call, shape: type[T]) -> T:
        answer = await super().request(call, shape)
        if not isinstance(answer, StripeSubscription):
            return answer
        items = [
            msgspec.structs.replace(item, price=msgspec.structs.replace(item.price, lookup_key=None))
            for item in answer.items.data
        ]
        return msgspec.structs.replace(answer, items=StripeList(items))


async def test_a_given_plan_outlasts_events_of_an_ended_subscription(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    await cancel_now(local.stripe, user.subscription)
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("free", None)
    await run(real.pool, "UPDATE users SET plan = 'pro'")
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("pro", None)
    await World(local, [real.pool])._subscribe(user)
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("plus", 1)
