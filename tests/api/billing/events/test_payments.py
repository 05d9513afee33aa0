"""Payments: what they grant, and what refunds take back, in whatever order they are heard of."""

from __future__ import annotations

from api.billing.events.payments import PaymentHandlers
from api.billing.stripe import checkout_sessions, lookup_keys, reads
from api.billing.stripe.invoice_objects import Refund
from api.billing.stripe.lookup_keys import PriceCatalog
from api.http.state import AppState
from tests.support.customer_histories import SOLD, CustomerActions
from tests.support.late_readers import SlowStripe, run_overtaking
from tests.support.stripe_process import StripeProcess
from tests.support.subscribers import apply_event, create_subscriber, list_lots


async def test_claims_on_a_payment_are_serialised(isolated_state: AppState, stripe_process: StripeProcess) -> None:
    """A refund that was seen on its way and has failed since must not be taken back after all."""
    user = await create_subscriber(isolated_state, stripe_process, "packs", number=8)
    (payment,) = (await stripe_process.call_stripe("GET", "/v1/payment_intents", customer=user.customer))["data"]
    await stripe_process.call_stripe("POST", "/v1/refunds", payment_intent=payment["id"])
    slow = SlowStripe(stripe_process.settings, Refund)
    await run_overtaking(
        isolated_state.pool,
        slow,
        PaymentHandlers(isolated_state.pool, slow, SOLD).apply_payment(payment["id"]),
        lambda: stripe_process.call_control_route("clock", days=1),
        PaymentHandlers(isolated_state.pool, stripe_process.stripe, SOLD).apply_payment(payment["id"]),
    )
    assert [one.status for one in await reads.list_refunds(stripe_process.stripe, payment["id"])] == ["failed"]
    ((granted, remaining),) = (await list_lots(isolated_state.pool, user)).values()
    assert granted == remaining > 0


async def test_a_refund_that_arrives_before_its_invoice_takes_credits_back(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process)
    seen = await reads.retrieve_subscription(stripe_process.stripe, user.subscription)
    payment = (await reads.retrieve_invoice(stripe_process.stripe, seen.latest_invoice or "")).payment_intent
    refund = await stripe_process.call_stripe("POST", "/v1/refunds", payment_intent=payment, amount=333)
    await apply_event(isolated_state, stripe_process, "refund", refund["id"])
    await apply_event(isolated_state, stripe_process, "charge", refund["charge"])
    await apply_event(isolated_state, stripe_process, "invoice", seen.latest_invoice or "")
    assert list((await list_lots(isolated_state.pool, user)).values()) == [(3000, 2000)]


async def test_an_expired_page_is_closed_without_a_grant(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process, "packs")
    (price,) = await PriceCatalog(stripe_process.stripe).find_prices(lookup_keys.pack_key(SOLD.find_pack("small")))
    world = CustomerActions(stripe_process, [isolated_state.pool])
    order = world._checkout_spec(user, price=price)
    session = await checkout_sessions.create_pack_checkout(stripe_process.stripe, order)
    await world._record_checkout(user, order, "pack", "small", session.id)
    await apply_event(isolated_state, stripe_process, "checkout.session", session.id)
    await checkout_sessions.expire_session(stripe_process.stripe, session.id)
    await apply_event(isolated_state, stripe_process, "checkout.session", session.id)
    async with isolated_state.pool.acquire() as db:
        assert await db.fetchval("SELECT state FROM checkouts WHERE id = $1", order.id) == "expired"
    assert await list_lots(isolated_state.pool, user) == {}
