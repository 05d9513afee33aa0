"""Subscriptions are copied in the order in which they were read, and end whoever their customer or price is."""

from __future__ import annotations

import msgspec

from api.billing.stripe import reads
from api.billing.stripe.client import Call, Stripe, T
from api.billing.stripe.objects import StripeList, StripeSubscription
from api.billing.stripe.subscriptions import cancel_now
from api.billing.subscriptions.sync import sync_subscription
from api.http.state import AppState
from tests.support.customer_histories import SOLD, CustomerActions
from tests.support.late_readers import SlowStripe, run_overtaking
from tests.support.stripe_process import StripeProcess
from tests.support.subscribers import apply_event, create_subscriber, find_plan, list_lots, run_query


async def test_a_stale_read_is_never_written_over_a_newer_one(real: AppState, local: StripeProcess) -> None:
    user = await create_subscriber(real, local)
    slow = SlowStripe(local.settings, StripeSubscription)
    await run_overtaking(
        real.pool,
        slow,
        sync_subscription(real.pool, slow, SOLD, user.subscription),
        lambda: local.stripe.request_without_answer(lambda c: c.v1.subscriptions.cancel_async(user.subscription)),
        sync_subscription(real.pool, local.stripe, SOLD, user.subscription),
    )
    assert await find_plan(real.pool, user) == ("free", None)


async def test_a_subscription_without_an_owner_is_ignored(real: AppState, local: StripeProcess) -> None:
    user = await create_subscriber(real, local)
    await run_query(real.pool, "UPDATE users SET stripe_customer = 'cus_another'")
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    await apply_event(real, local, "subscription", user.subscription)
    await apply_event(real, local, "invoice", seen.latest_invoice or "")
    assert await find_plan(real.pool, user) == ("free", None)
    assert await list_lots(real.pool, user) == {}


async def test_a_known_subscription_ends_under_another_customer(real: AppState, local: StripeProcess) -> None:
    """The customer was deleted at Stripe, which ends the subscription, and another was made before that was heard."""
    user = await create_subscriber(real, local)
    await apply_event(real, local, "subscription", user.subscription)
    await run_query(real.pool, "UPDATE users SET stripe_customer = 'cus_another'")
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    await apply_event(real, local, "invoice", seen.latest_invoice or "")
    assert list((await list_lots(real.pool, user)).values()) == [(3000, 3000)]
    await cancel_now(local.stripe, user.subscription)
    await apply_event(real, local, "subscription", user.subscription)
    assert await find_plan(real.pool, user) == ("free", None)


async def test_a_known_subscription_ends_under_another_price(real: AppState, local: StripeProcess) -> None:
    """Somebody has agreed another price with the customer, by hand at Stripe."""
    user = await create_subscriber(real, local)
    await apply_event(real, local, "subscription", user.subscription)
    by_hand = Agreeing(local.settings, pause=0.02)
    await sync_subscription(real.pool, by_hand, SOLD, user.subscription)
    assert await find_plan(real.pool, user) == ("plus", 1)
    await cancel_now(local.stripe, user.subscription)
    await sync_subscription(real.pool, by_hand, SOLD, user.subscription)
    assert await find_plan(real.pool, user) == ("free", None)
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


async def test_a_given_plan_outlasts_events_of_an_ended_subscription(real: AppState, local: StripeProcess) -> None:
    user = await create_subscriber(real, local)
    await apply_event(real, local, "subscription", user.subscription)
    await cancel_now(local.stripe, user.subscription)
    await apply_event(real, local, "subscription", user.subscription)
    assert await find_plan(real.pool, user) == ("free", None)
    await run_query(real.pool, "UPDATE users SET plan = 'pro'")
    await apply_event(real, local, "subscription", user.subscription)
    assert await find_plan(real.pool, user) == ("pro", None)
    await CustomerActions(local, [real.pool])._subscribe(user)
    await apply_event(real, local, "subscription", user.subscription)
    assert await find_plan(real.pool, user) == ("plus", 1)
