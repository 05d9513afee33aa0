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


async def test_a_stale_read_is_never_written_over_a_newer_one(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process)
    slow = SlowStripe(stripe_process.settings, StripeSubscription)
    await run_overtaking(
        isolated_state.pool,
        slow,
        sync_subscription(isolated_state.pool, slow, SOLD, user.subscription),
        lambda: stripe_process.stripe.request_without_answer(
            lambda c: c.v1.subscriptions.cancel_async(user.subscription)
        ),
        sync_subscription(isolated_state.pool, stripe_process.stripe, SOLD, user.subscription),
    )
    assert await find_plan(isolated_state.pool, user) == ("free", None)


async def test_a_subscription_without_an_owner_is_ignored(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process)
    await run_query(isolated_state.pool, "UPDATE users SET stripe_customer = 'cus_another'")
    seen = await reads.retrieve_subscription(stripe_process.stripe, user.subscription)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    await apply_event(isolated_state, stripe_process, "invoice", seen.latest_invoice or "")
    assert await find_plan(isolated_state.pool, user) == ("free", None)
    assert await list_lots(isolated_state.pool, user) == {}


async def test_a_known_subscription_ends_under_another_customer(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    """The customer was deleted at Stripe, which ends the subscription, and another was made before that was heard."""
    user = await create_subscriber(isolated_state, stripe_process)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    await run_query(isolated_state.pool, "UPDATE users SET stripe_customer = 'cus_another'")
    seen = await reads.retrieve_subscription(stripe_process.stripe, user.subscription)
    await apply_event(isolated_state, stripe_process, "invoice", seen.latest_invoice or "")
    assert list((await list_lots(isolated_state.pool, user)).values()) == [(3000, 3000)]
    await cancel_now(stripe_process.stripe, user.subscription)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    assert await find_plan(isolated_state.pool, user) == ("free", None)


async def test_a_known_subscription_ends_under_another_price(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    """Somebody has agreed another price with the customer, by hand at Stripe."""
    user = await create_subscriber(isolated_state, stripe_process)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    by_hand = Agreeing(stripe_process.settings, pause=0.02)
    await sync_subscription(isolated_state.pool, by_hand, SOLD, user.subscription)
    assert await find_plan(isolated_state.pool, user) == ("plus", 1)
    await cancel_now(stripe_process.stripe, user.subscription)
    await sync_subscription(isolated_state.pool, by_hand, SOLD, user.subscription)
    assert await find_plan(isolated_state.pool, user) == ("free", None)
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


async def test_a_given_plan_outlasts_events_of_an_ended_subscription(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    await cancel_now(stripe_process.stripe, user.subscription)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    assert await find_plan(isolated_state.pool, user) == ("free", None)
    await run_query(isolated_state.pool, "UPDATE users SET plan = 'pro'")
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    assert await find_plan(isolated_state.pool, user) == ("pro", None)
    await CustomerActions(stripe_process, [isolated_state.pool])._subscribe(user)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    assert await find_plan(isolated_state.pool, user) == ("plus", 1)
