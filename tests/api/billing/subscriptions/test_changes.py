"""Plan changes through our routes, against the Stripe double as a process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
from litestar import Litestar
from redis.asyncio import Redis

from api.billing.stripe import provision
from api.billing.tariff import tariff
from api.settings import Settings
from tests.support.billing_client import POOR, BillingClient, open_billing, problem_code
from tests.support.stripe_process import StripeProcess


async def test_an_upgrade_costs_and_grants_exactly_what_was_previewed(isolated_client: BillingClient) -> None:
    await isolated_client.subscribe("plus")
    before = (await isolated_client.get("/balance"))["available"]
    shown = (await isolated_client.post("/subscription/preview", {"plan": "pro"})).json()
    assert 3990 <= shown["amount_due"] <= 4000
    assert shown["effective_at"] == shown["proration_date"]
    await isolated_client.stripe_process.call_control_route(
        "clock", seconds=1800
    )  # reckoned as of now it would be less
    changed = await isolated_client.change_plan("pro", proration_date=shown["proration_date"])
    assert (changed["plan"], changed["status"]) == ("pro", "active")
    invoice = (await isolated_client.list_objects("/v1/invoices"))[0]
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", shown["amount_due"])
    await isolated_client.apply_events()
    assert (await isolated_client.get("/balance"))["available"] - before == shown["credits"] > 0


async def test_a_price_holds_for_an_hour(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus")
    for date in (int(time.time()) - 3700, int(time.time()) + 3600):
        answer = await billing_client.post("/subscription/change", {"plan": "pro", "proration_date": date})
        assert problem_code(answer) == (409, "preview_too_old")
    assert (await billing_client.apply_events())["plan"] == "plus"


async def test_a_downgrade_waits_for_the_periods_end_and_can_be_undone(isolated_client: BillingClient) -> None:
    subscribed = await isolated_client.subscribe("pro")
    shown = (await isolated_client.post("/subscription/preview", {"plan": "plus"})).json()
    assert (shown["amount_due"], shown["proration_date"]) == (0, None)
    assert shown["effective_at"] == subscribed["current_period_end"]
    assert (await isolated_client.change_plan("plus"))["next_plan"] == "plus"
    assert (await isolated_client.change_plan("pro"))["next_plan"] is None
    for _ in range(2):
        changed = await isolated_client.change_plan("plus")
        assert (changed["plan"], changed["next_plan"]) == ("pro", "plus")
    await isolated_client.stripe_process.call_control_route("clock", days=32)
    later = await isolated_client.apply_events()
    assert (later["plan"], later["next_plan"], later["status"]) == ("plus", None, "active")
    assert (await isolated_client.list_objects("/v1/invoices"))[0]["amount_paid"] == 999


async def test_a_cancellation_waits_for_the_periods_end_and_can_be_undone(isolated_client: BillingClient) -> None:
    await isolated_client.subscribe("plus")
    leaving = await isolated_client.change_plan("free")
    assert (leaving["plan"], leaving["cancel_at"]) == ("plus", leaving["current_period_end"])
    assert (await isolated_client.change_plan("plus"))["cancel_at"] is None
    await isolated_client.change_plan("free")
    await isolated_client.stripe_process.call_control_route("clock", days=32)
    assert (await isolated_client.apply_events())["plan"] == "free"
    assert problem_code(await isolated_client.post("/subscription/change", {"plan": "plus"})) == (409, "not_subscribed")


async def test_a_cancellation_and_a_downgrade_replace_each_other(billing_client: BillingClient) -> None:
    await billing_client.subscribe("pro")
    await billing_client.change_plan("plus")
    leaving = await billing_client.change_plan("free")
    assert (leaving["next_plan"], bool(leaving["cancel_at"])) == (None, True)
    staying = await billing_client.change_plan("plus")
    assert (staying["next_plan"], staying["cancel_at"]) == ("plus", None)


async def test_an_upgrade_replaces_a_scheduled_change(
    isolated_stripe: StripeProcess, database: str, settings: Settings, app: Litestar, redis: Redis, tmp_path: Path
) -> None:
    dearer = tmp_path / "tariff.toml"
    plan = tariff.DEFAULT.read_text().partition('name = "pro"')[2].partition("[[")[0].partition("#")[0]
    dearer.write_text(
        tariff.DEFAULT.read_text()
        + '\n[[plans]]\nname = "studio"'
        + plan.replace("4999", "9999").replace("30000", "70000")
    )
    changed = msgspec.structs.replace(settings, database_url=database, tariff=dearer)
    await provision.AccountSync(isolated_stripe.stripe, tariff.load_tariff(dearer)).sync_prices()
    async with open_billing(isolated_stripe, changed, app) as billing_client:
        await billing_client.subscribe("pro")
        await billing_client.change_plan("plus")
        upgraded = await billing_client.change_plan("studio")
        assert (upgraded["plan"], upgraded["next_plan"]) == ("studio", None)
        await billing_client.change_plan("free")
        assert (await billing_client.get("/subscription"))["cancel_at"]


async def test_an_upgrade_undoes_a_cancellation(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus")
    await billing_client.change_plan("free")
    upgraded = await billing_client.change_plan("pro")
    assert (upgraded["plan"], upgraded["cancel_at"]) == ("pro", None)


async def test_a_declined_upgrade_changes_nothing_and_gives_advice(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus")
    customer = await billing_client.find_customer()
    await billing_client.stripe_process.call_control_route("cards", customer=customer, count=None, decline_code=POOR)
    answer = await billing_client.post("/subscription/change", {"plan": "pro"})
    assert problem_code(answer) == (402, "card_declined")
    problem = answer.json()
    assert (problem["reason"], problem["portal"]) == (POOR, "/v1/billing/portal")
    assert (await billing_client.stripe_process.http_client.get(problem["invoice"])).status_code == 200
    assert (await billing_client.apply_events())["plan"] == "plus"
    await billing_client.stripe_process.call_control_route("cards", customer=customer, count=0, decline_code=POOR)
    assert (await billing_client.change_plan("pro"))["plan"] == "pro"
    paid = [one["amount_paid"] for one in await billing_client.list_objects("/v1/invoices") if one["status"] == "paid"]
    assert len(paid) == 2  # the plan, and one upgrade


async def test_a_change_that_awaits_payment_is_undone_by_the_current_plan(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus")
    await billing_client.stripe_process.call_control_route(
        "cards", customer=await billing_client.find_customer(), count=None, decline_code=POOR
    )
    assert problem_code(await billing_client.post("/subscription/change", {"plan": "pro"})) == (402, "card_declined")
    await billing_client.change_plan("plus")
    [seen] = await billing_client.list_objects("/v1/subscriptions")
    assert seen["pending_update"] is None
    assert "open" not in {one["status"] for one in await billing_client.list_objects("/v1/invoices")}


async def test_an_unpaid_invoice_blocks_upgrades(isolated_client: BillingClient) -> None:
    await isolated_client.subscribe("plus")
    await isolated_client.stripe_process.call_control_route(
        "cards", customer=await isolated_client.find_customer(), count=None, decline_code=POOR
    )
    await isolated_client.stripe_process.call_control_route("clock", days=32)
    assert (await isolated_client.apply_events())["status"] == "past_due"
    for path in ("/subscription/preview", "/subscription/change"):
        assert problem_code(await isolated_client.post(path, {"plan": "pro"})) == (402, "card_declined")
    assert (await isolated_client.change_plan("free"))["cancel_at"]


async def test_changes_at_once_charge_once(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus")
    answers = await asyncio.gather(*(billing_client.post("/subscription/change", {"plan": "pro"}) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    paid = [one["amount_paid"] for one in await billing_client.list_objects("/v1/invoices") if one["amount_paid"]]
    assert len(paid) == 2


async def test_changes_that_contradict_each_other_leave_one_of_them(billing_client: BillingClient) -> None:
    await billing_client.subscribe("pro")
    for _ in range(5):
        wishes = [billing_client.post("/subscription/change", {"plan": plan}) for plan in ("plus", "free")]
        assert {answer.status_code for answer in await asyncio.gather(*wishes)} <= {200, 409}
        seen = await billing_client.apply_events()
        assert (seen["next_plan"] is None) != (seen["cancel_at"] is None)
        assert (await billing_client.change_plan("pro"))["cancel_at"] is None


async def test_without_a_subscription_there_is_nothing_to_change(billing_client: BillingClient) -> None:
    for path in ("/subscription/preview", "/subscription/change"):
        answer = await billing_client.post(path, {"plan": "pro"})
        assert problem_code(answer) == (409, "not_subscribed")
        assert "/v1/billing/checkout" in answer.json()["detail"]


async def test_a_plan_that_is_not_there_is_refused_by_name(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus")
    answer = await billing_client.post("/subscription/change", {"plan": "gold"})
    assert (answer.status_code, answer.json()["param"]) == (422, "plan")


async def test_a_trial_upgrades_without_a_bill(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus", trial=True)
    shown = (await billing_client.post("/subscription/preview", {"plan": "pro"})).json()
    assert (shown["amount_due"], shown["credits"]) == (0, 0)
    changed = await billing_client.change_plan("pro", proration_date=shown["proration_date"])
    assert (changed["plan"], changed["status"]) == ("pro", "trialing")
