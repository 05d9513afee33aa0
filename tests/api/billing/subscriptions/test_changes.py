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
from tests.support.stripe_process import Local


async def test_an_upgrade_costs_and_grants_exactly_what_was_previewed(lasting: BillingClient) -> None:
    await lasting.subscribe("plus")
    before = (await lasting.get("/balance"))["available"]
    shown = (await lasting.post("/subscription/preview", {"plan": "pro"})).json()
    assert 3990 <= shown["amount_due"] <= 4000
    assert shown["effective_at"] == shown["proration_date"]
    await lasting.local.control("clock", seconds=1800)  # reckoned as of now it would be less
    changed = await lasting.change("pro", proration_date=shown["proration_date"])
    assert (changed["plan"], changed["status"]) == ("pro", "active")
    invoice = (await lasting.there("/v1/invoices"))[0]
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", shown["amount_due"])
    await lasting.hear()
    assert (await lasting.get("/balance"))["available"] - before == shown["credits"] > 0


async def test_a_price_holds_for_an_hour(shop: BillingClient) -> None:
    await shop.subscribe("plus")
    for date in (int(time.time()) - 3700, int(time.time()) + 3600):
        answer = await shop.post("/subscription/change", {"plan": "pro", "proration_date": date})
        assert problem_code(answer) == (409, "preview_too_old")
    assert (await shop.hear())["plan"] == "plus"


async def test_a_downgrade_waits_for_the_periods_end_and_can_be_undone(lasting: BillingClient) -> None:
    subscribed = await lasting.subscribe("pro")
    shown = (await lasting.post("/subscription/preview", {"plan": "plus"})).json()
    assert (shown["amount_due"], shown["proration_date"]) == (0, None)
    assert shown["effective_at"] == subscribed["current_period_end"]
    assert (await lasting.change("plus"))["next_plan"] == "plus"
    assert (await lasting.change("pro"))["next_plan"] is None
    for _ in range(2):
        changed = await lasting.change("plus")
        assert (changed["plan"], changed["next_plan"]) == ("pro", "plus")
    await lasting.local.control("clock", days=32)
    later = await lasting.hear()
    assert (later["plan"], later["next_plan"], later["status"]) == ("plus", None, "active")
    assert (await lasting.there("/v1/invoices"))[0]["amount_paid"] == 999


async def test_a_cancellation_waits_for_the_periods_end_and_can_be_undone(lasting: BillingClient) -> None:
    await lasting.subscribe("plus")
    leaving = await lasting.change("free")
    assert (leaving["plan"], leaving["cancel_at"]) == ("plus", leaving["current_period_end"])
    assert (await lasting.change("plus"))["cancel_at"] is None
    await lasting.change("free")
    await lasting.local.control("clock", days=32)
    assert (await lasting.hear())["plan"] == "free"
    assert problem_code(await lasting.post("/subscription/change", {"plan": "plus"})) == (409, "not_subscribed")


async def test_a_cancellation_and_a_downgrade_replace_each_other(shop: BillingClient) -> None:
    await shop.subscribe("pro")
    await shop.change("plus")
    leaving = await shop.change("free")
    assert (leaving["next_plan"], bool(leaving["cancel_at"])) == (None, True)
    staying = await shop.change("plus")
    assert (staying["next_plan"], staying["cancel_at"]) == ("plus", None)


async def test_an_upgrade_replaces_a_scheduled_change(
    own: Local, database: str, settings: Settings, app: Litestar, redis: Redis, tmp_path: Path
) -> None:
    dearer = tmp_path / "tariff.toml"
    plan = tariff.DEFAULT.read_text().partition('name = "pro"')[2].partition("[[")[0].partition("#")[0]
    dearer.write_text(
        tariff.DEFAULT.read_text()
        + '\n[[plans]]\nname = "studio"'
        + plan.replace("4999", "9999").replace("30000", "70000")
    )
    changed = msgspec.structs.replace(settings, database_url=database, tariff=dearer)
    await provision.AccountSync(own.stripe, tariff.load_tariff(dearer)).sync_prices()
    async with open_billing(own, changed, app) as shop:
        await shop.subscribe("pro")
        await shop.change("plus")
        upgraded = await shop.change("studio")
        assert (upgraded["plan"], upgraded["next_plan"]) == ("studio", None)
        await shop.change("free")
        assert (await shop.get("/subscription"))["cancel_at"]


async def test_an_upgrade_undoes_a_cancellation(shop: BillingClient) -> None:
    await shop.subscribe("plus")
    await shop.change("free")
    upgraded = await shop.change("pro")
    assert (upgraded["plan"], upgraded["cancel_at"]) == ("pro", None)


async def test_a_declined_upgrade_changes_nothing_and_gives_advice(shop: BillingClient) -> None:
    await shop.subscribe("plus")
    customer = await shop.customer()
    await shop.local.control("cards", customer=customer, count=None, decline_code=POOR)
    answer = await shop.post("/subscription/change", {"plan": "pro"})
    assert problem_code(answer) == (402, "card_declined")
    problem = answer.json()
    assert (problem["reason"], problem["portal"]) == (POOR, "/v1/billing/portal")
    assert (await shop.local.web.get(problem["invoice"])).status_code == 200
    assert (await shop.hear())["plan"] == "plus"
    await shop.local.control("cards", customer=customer, count=0, decline_code=POOR)
    assert (await shop.change("pro"))["plan"] == "pro"
    paid = [one["amount_paid"] for one in await shop.there("/v1/invoices") if one["status"] == "paid"]
    assert len(paid) == 2  # the plan, and one upgrade


async def test_a_change_that_awaits_payment_is_undone_by_the_current_plan(shop: BillingClient) -> None:
    await shop.subscribe("plus")
    await shop.local.control("cards", customer=await shop.customer(), count=None, decline_code=POOR)
    assert problem_code(await shop.post("/subscription/change", {"plan": "pro"})) == (402, "card_declined")
    await shop.change("plus")
    [seen] = await shop.there("/v1/subscriptions")
    assert seen["pending_update"] is None
    assert "open" not in {one["status"] for one in await shop.there("/v1/invoices")}


async def test_an_unpaid_invoice_blocks_upgrades(lasting: BillingClient) -> None:
    await lasting.subscribe("plus")
    await lasting.local.control("cards", customer=await lasting.customer(), count=None, decline_code=POOR)
    await lasting.local.control("clock", days=32)
    assert (await lasting.hear())["status"] == "past_due"
    for path in ("/subscription/preview", "/subscription/change"):
        assert problem_code(await lasting.post(path, {"plan": "pro"})) == (402, "card_declined")
    assert (await lasting.change("free"))["cancel_at"]


async def test_changes_at_once_charge_once(shop: BillingClient) -> None:
    await shop.subscribe("plus")
    answers = await asyncio.gather(*(shop.post("/subscription/change", {"plan": "pro"}) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    paid = [one["amount_paid"] for one in await shop.there("/v1/invoices") if one["amount_paid"]]
    assert len(paid) == 2


async def test_changes_that_contradict_each_other_leave_one_of_them(shop: BillingClient) -> None:
    await shop.subscribe("pro")
    for _ in range(5):
        wishes = [shop.post("/subscription/change", {"plan": plan}) for plan in ("plus", "free")]
        assert {answer.status_code for answer in await asyncio.gather(*wishes)} <= {200, 409}
        seen = await shop.hear()
        assert (seen["next_plan"] is None) != (seen["cancel_at"] is None)
        assert (await shop.change("pro"))["cancel_at"] is None


async def test_without_a_subscription_there_is_nothing_to_change(shop: BillingClient) -> None:
    for path in ("/subscription/preview", "/subscription/change"):
        answer = await shop.post(path, {"plan": "pro"})
        assert problem_code(answer) == (409, "not_subscribed")
        assert "/v1/billing/checkout" in answer.json()["detail"]


async def test_a_plan_that_is_not_there_is_refused_by_name(shop: BillingClient) -> None:
    await shop.subscribe("plus")
    answer = await shop.post("/subscription/change", {"plan": "gold"})
    assert (answer.status_code, answer.json()["param"]) == (422, "plan")


async def test_a_trial_upgrades_without_a_bill(shop: BillingClient) -> None:
    await shop.subscribe("plus", trial=True)
    shown = (await shop.post("/subscription/preview", {"plan": "pro"})).json()
    assert (shown["amount_due"], shown["credits"]) == (0, 0)
    changed = await shop.change("pro", proration_date=shown["proration_date"])
    assert (changed["plan"], changed["status"]) == ("pro", "trialing")
