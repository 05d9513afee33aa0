"""Buying and changing plans through our routes, against Stripe's double as a process, clicking as a person clicks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar
from redis.asyncio import Redis

from api.billing.events.handlers import EventHandlers
from api.billing.stripe import provision, reads
from api.billing.stripe.client import PAGE_SIZE, Stripe
from api.billing.stripe.event_objects import ReceivedEvent, SnapshotEvent
from api.billing.subscriptions.checkout import is_return_url_allowed
from api.billing.tariff import tariff
from api.http.middleware import envelope
from api.http.state import AppState, build_app_state
from api.settings import Settings
from api.sql import connection as db
from api.sql.stripe_events import InboxEvent
from tests.support.stripe_process import Local, running
from tests.support.users import Person, sign_up

PAID = "https://example.org/paid"
DECLINED, POOR = "4000000000000002", "insufficient_funds"
WEBHOOKS = "http://127.0.0.1:9"
"""Where nobody listens: these tests hear of events by reading them."""


class Shop:
    """Our routes, the double behind them, and one person who buys."""

    def __init__(self, app_state: AppState, web: httpx.AsyncClient, local: Local, person: Person) -> None:
        self.app_state, self.web, self.local, self.person = app_state, web, local, person
        self.heard: set[str] = set()

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.web.post(f"/v1/billing{path}", json=body, headers=self.person.headers | headers)

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.web.get(f"/v1/billing{path}", headers=self.person.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def page(self, plan: str = "plus", **more: Any) -> dict[str, Any]:
        answer = await self.post("/checkout", {"plan": plan, "success_url": PAID, **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def subscribe(self, plan: str, *, trial: bool = False) -> dict[str, Any]:
        """Click through the page, and hear what Stripe tells; answers the subscription."""
        if not trial:
            async with self.app_state.pool.acquire() as connection:
                await connection.execute("UPDATE users SET trialled_at = now() WHERE id = $1", self.person.id)
        await self.local.pay((await self.page(plan))["url"])
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        """Apply every event there is that has not been; answers the subscription."""
        applying = EventHandlers(self.app_state.pool, self.app_state.stripe, self.app_state.tariff)
        for event in await self.events():
            if event.id not in self.heard:
                await applying.apply_event(InboxEvent(event.id, event.type, event.object_type, event.object_id, 1))
            self.heard.add(event.id)
        return await self.get("/subscription")

    async def events(self) -> list[ReceivedEvent]:
        """All there ever were of the kinds that matter here, oldest first."""
        found = self.local.stripe.list_all(lambda c: c.v1.events.list_async({"limit": PAGE_SIZE}), SnapshotEvent)
        told = [event.to_received_event() async for event in found]
        return [one for one in told if one.object_type in ("subscription", "invoice", "checkout.session")][::-1]

    async def change(self, plan: str, **more: Any) -> dict[str, Any]:
        answer = await self.post("/subscription/change", {"plan": plan, **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def customer(self) -> str:
        async with self.app_state.pool.acquire() as connection:
            found: str = await connection.fetchval("SELECT stripe_customer FROM users WHERE id = $1", self.person.id)
        return found

    async def there(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """What the double has of this customer, newest first."""
        found: list[dict[str, Any]] = (await self.local.call("GET", path, customer=await self.customer(), **params))[
            "data"
        ]
        return found


@asynccontextmanager
async def opened(local: Local, settings: Settings, app: Litestar) -> AsyncIterator[Shop]:
    selling = msgspec.structs.replace(settings, stripe_key=local.settings.stripe_key, stripe_url=local.url)
    pool = await db.connect(settings.database_url, connections=10)
    async with build_app_state(selling, pool) as app_state:
        app.state.app_state = app_state
        transport = httpx.ASGITransport(app=cast("Any", envelope(app)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as web:
            shop = Shop(app_state, web, local, await sign_up(web))
            shop.heard = {event.id for event in await shop.events()}
            yield shop
    await pool.close()


@pytest.fixture(scope="module")
async def market(base_settings: Settings) -> AsyncIterator[Local]:
    """A double that sells the tariff; its clock stays as it is, for all tests here to use."""
    async with running(base_settings) as local:
        await provision.AccountSync(local.stripe, tariff.load_tariff()).sync_all(WEBHOOKS)
        yield local


@pytest.fixture
async def own(base_settings: Settings) -> AsyncIterator[Local]:
    """A double of the test's own, for time to pass in."""
    async with running(base_settings) as local:
        await provision.AccountSync(local.stripe, tariff.load_tariff()).sync_all(WEBHOOKS)
        yield local


@pytest.fixture
async def shop(market: Local, database: str, settings: Settings, app: Litestar, redis: Redis) -> AsyncIterator[Shop]:
    async with opened(market, msgspec.structs.replace(settings, database_url=database), app) as shop:
        yield shop


@pytest.fixture
async def lasting(own: Local, database: str, settings: Settings, app: Litestar, redis: Redis) -> AsyncIterator[Shop]:
    """A shop in which time may pass."""
    async with opened(own, msgspec.structs.replace(settings, database_url=database), app) as shop:
        yield shop


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# -- pages --------------------------------------------------------------------------------------------------


async def test_a_person_subscribes_by_clicking_through_the_page(shop: Shop) -> None:
    assert await shop.get("/subscription") == {
        **dict.fromkeys(
            ("version", "status", "current_period_start", "current_period_end", "trial_end", "cancel_at", "next_plan")
        ),
        "object": "subscription",
        "plan": "free",
    }
    page = await shop.page("plus")
    assert (page["kind"], page["item"], page["amount"], page["currency"]) == ("subscription", "plus", 999, "usd")
    assert page["trial_days"] == 7
    assert "7 days free" in (await shop.local.web.get(page["url"])).text
    await shop.local.pay(page["url"])
    subscription = await shop.hear()
    assert (subscription["plan"], subscription["version"], subscription["status"]) == ("plus", 1, "trialing")
    assert subscription["trial_end"] == subscription["current_period_end"]
    assert (await shop.get("/balance"))["available"] >= 300
    [made] = await shop.there("/v1/subscriptions")
    assert {item["price"]["lookup_key"] for item in made["items"]["data"]} == {"kinora_plus_v1", "kinora_overage_v1"}
    assert {"user": shop.person.id, "plan": "plus", "version": "1"}.items() <= made["metadata"].items()


async def test_whoever_has_a_subscription_is_told_to_change_it(shop: Shop) -> None:
    await shop.subscribe("plus", trial=True)
    answer = await shop.post("/checkout", {"plan": "pro", "success_url": PAID})
    assert code(answer) == (409, "already_subscribed")
    assert "/v1/billing/subscription/change" in answer.json()["detail"]


async def test_a_subscription_nobody_told_us_of_yet_counts_too(shop: Shop) -> None:
    await shop.local.pay((await shop.page("plus"))["url"])
    assert code(await shop.post("/checkout", {"plan": "plus", "success_url": PAID})) == (409, "already_subscribed")


async def test_the_same_wish_gives_the_same_page_and_another_closes_it(shop: Shop) -> None:
    first, again = await shop.page("plus"), await shop.page("plus")
    assert again == first
    other = await shop.page("pro")
    assert other["id"] != first["id"]
    assert (await shop.local.web.get(first["url"])).status_code == 410
    assert (await shop.local.web.get(other["url"])).status_code == 200
    assert (await shop.page("pro", cancel_url="https://example.org/back"))["id"] != other["id"]


async def test_a_key_gives_the_first_answer_again(shop: Shop) -> None:
    asked = {"plan": "plus", "success_url": PAID}
    first = await shop.post("/checkout", asked, **{"Idempotency-Key": "one"})
    await shop.page("pro")
    again = await shop.post("/checkout", asked, **{"Idempotency-Key": "one"})
    assert again.json() == first.json()
    assert code(await shop.post("/checkout", {**asked, "plan": "pro"}, **{"Idempotency-Key": "one"})) == (
        422,
        "idempotency_key_reused",
    )


async def test_many_at_once_get_one_customer_and_one_page(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.page("plus") for _ in range(12)))
    assert len({answer["url"] for answer in answers}) == 1
    assert len(await shop.there("/v1/checkout/sessions")) == 1
    customers = await shop.local.call("GET", "/v1/customers", email=shop.person.email)
    assert len(customers["data"]) == 1


async def test_rivals_at_once_leave_one_page_open(shop: Shop) -> None:
    wishes = [shop.post("/checkout", {"plan": plan, "success_url": PAID}) for plan in ("plus", "pro") * 4]
    answers = await asyncio.gather(*wishes)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert [one["status"] for one in await shop.there("/v1/checkout/sessions")].count("open") == 1


async def test_a_trial_is_had_once(shop: Shop) -> None:
    await shop.subscribe("plus", trial=True)
    [made] = await shop.there("/v1/subscriptions")
    await shop.local.call("DELETE", f"/v1/subscriptions/{made['id']}")
    assert (await shop.page("plus"))["trial_days"] == 0  # Stripe knows, before we have heard
    await shop.hear()
    page = await shop.page("plus")
    assert page["trial_days"] == 0
    await shop.local.pay(page["url"])
    assert (await shop.hear())["status"] == "active"


async def test_packs_are_paid_together_and_stay(shop: Shop) -> None:
    answer = await shop.post("/packs/checkout", {"pack": "small", "quantity": 2, "success_url": PAID})
    page = answer.json()
    assert (page["kind"], page["item"], page["quantity"], page["amount"]) == ("pack", "small", 2, 998)
    await shop.local.pay(page["url"])
    await shop.hear()
    assert (await shop.get("/balance"))["buckets"]["purchased"]["amount"] == 1000
    assert (await shop.post("/packs/checkout", {"pack": "small", "quantity": 2, "success_url": PAID})).json()[
        "id"
    ] != page["id"]


async def test_a_page_stripe_will_not_make_is_in_nobodys_way(lasting: Shop) -> None:
    [price] = (await reads.list_prices(lasting.local.stripe, ["kinora_pro_v1"])).values()
    await lasting.local.call("POST", f"/v1/prices/{price.id}", active="false")
    assert code(await lasting.post("/checkout", {"plan": "pro", "success_url": PAID})) == (500, "payments_refused")
    assert (await lasting.page("plus"))["item"] == "plus"


async def elsewhere(shop: Shop) -> None:
    """What was known of Stripe is of another account: the key has been changed, as after a time with the stand-in."""
    async with shop.app_state.pool.acquire() as connection:
        await connection.execute("UPDATE users SET stripe_customer = 'cus_elsewhere'")
        await connection.execute("UPDATE checkouts SET session = 'cs_elsewhere'")


async def test_whoever_was_a_customer_of_another_account_buys_at_this_one(shop: Shop) -> None:
    before = await shop.page("plus")
    await elsewhere(shop)
    after = await shop.page("plus")
    assert after["id"] != before["id"]
    assert (await shop.there("/v1/checkout/sessions"))[0]["url"] == after["url"]


async def test_nobody_subscribes_twice_because_a_wrong_key_was_set(shop: Shop) -> None:
    await shop.subscribe("plus")
    await elsewhere(shop)
    answer = await shop.post("/checkout", {"plan": "plus", "success_url": PAID})
    assert code(answer) == (500, "payments_refused")
    assert await shop.customer() == "cus_elsewhere"


async def test_a_declined_card_buys_nothing(shop: Shop) -> None:
    page = await shop.page("pro")
    answer = await shop.local.web.post(page["url"], data={"card": DECLINED})
    assert answer.status_code == 200
    assert (await shop.hear())["plan"] == "free"
    assert (await shop.page("pro"))["url"] == page["url"]


async def test_the_portal_opens(shop: Shop) -> None:
    answer = await shop.post("/portal", {"return_url": "http://localhost:3000/account"})
    assert answer.status_code == 200, answer.text
    assert (await shop.local.web.get(answer.json()["url"])).status_code == 200


async def test_a_key_opens_another_portal_since_its_address_is_a_secret(shop: Shop) -> None:
    first = await shop.post("/portal", {}, **{"Idempotency-Key": "one"})
    again = await shop.post("/portal", {}, **{"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["url"] != again.json()["url"]
    async with shop.app_state.pool.acquire() as connection:
        assert await connection.fetchval("SELECT body FROM idempotency WHERE user_id = $1", shop.person.id) == b""
    other = await shop.post("/portal", {"return_url": PAID}, **{"Idempotency-Key": "one"})
    assert code(other) == (422, "idempotency_key_reused")


async def test_bills_follow_the_language_of_their_reader(shop: Shop) -> None:
    await shop.page("plus")
    await shop.web.patch("/v1/me", json={"locale": "fr"}, headers=shop.person.headers)
    page = await shop.page("plus")
    session = await shop.local.call("GET", f"/v1/checkout/sessions/{page['url'].rpartition('/')[2]}")
    customer = await shop.local.call("GET", f"/v1/customers/{await shop.customer()}")
    assert (session["locale"], customer["preferred_locales"]) == ("fr", ["fr"])


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/checkout", {"plan": "free", "success_url": PAID}, "plan"),
        ("/checkout", {"plan": "gold", "success_url": PAID}, "plan"),
        ("/checkout", {"plan": "plus", "success_url": "http://example.org"}, "success_url"),
        ("/checkout", {"plan": "plus", "success_url": PAID, "cancel_url": "javascript:alert(1)"}, "cancel_url"),
        ("/packs/checkout", {"pack": "huge", "success_url": PAID}, "pack"),
        ("/packs/checkout", {"pack": "small", "quantity": 11, "success_url": PAID}, "quantity"),
        ("/portal", {"return_url": "ftp://example.org"}, "return_url"),
    ],
)
async def test_what_is_not_sold_or_leads_astray_is_refused_by_name(
    shop: Shop, path: str, body: dict[str, Any], param: str
) -> None:
    answer = await shop.post(path, body)
    assert (answer.status_code, answer.json()["param"]) == (422, param)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://example.org/paid?session={CHECKOUT_SESSION_ID}", True),
        ("http://localhost:3000/", True),
        ("http://127.0.0.1:3000/", True),
        ("http://[::1]/", True),
        ("myapp://paid", True),
        ("http://127.0.0.1.example.org/", False),
        ("https://example.org@evil.example/", False),
        ("https:///nowhere", False),
        ("otherapp://paid", False),
        ("https://exa\nmple.org", False),
        ("https://[broken", False),
        ("/relative", False),
    ],
)
def test_pages_lead_to_the_web_this_machine_or_the_app(url: str, fits: bool) -> None:  # noqa: FBT001
    assert is_return_url_allowed(url, ["myapp"]) is fits


async def test_without_a_key_nothing_is_sold(client: httpx.AsyncClient, account: Person) -> None:
    bodies = {
        "/checkout": {"plan": "plus", "success_url": PAID},
        "/packs/checkout": {"pack": "small", "success_url": PAID},
        "/portal": {},
    }
    for path, body in bodies.items():
        answer = await client.post(f"/v1/billing{path}", json=body, headers=account.headers)
        assert code(answer) == (404, "nothing_sold")
    answer = await client.get("/v1/billing/subscription", headers=account.headers)
    assert answer.json()["plan"] == "free"


# -- changes ------------------------------------------------------------------------------------------------


async def test_an_upgrade_costs_exactly_what_was_shown_and_brings_it(lasting: Shop) -> None:
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


async def test_a_price_holds_for_an_hour(shop: Shop) -> None:
    await shop.subscribe("plus")
    for date in (int(time.time()) - 3700, int(time.time()) + 3600):
        answer = await shop.post("/subscription/change", {"plan": "pro", "proration_date": date})
        assert code(answer) == (409, "preview_too_old")
    assert (await shop.hear())["plan"] == "plus"


async def test_a_downgrade_waits_for_the_periods_end_and_can_be_taken_back(lasting: Shop) -> None:
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


async def test_leaving_waits_for_the_periods_end_and_can_be_taken_back(lasting: Shop) -> None:
    await lasting.subscribe("plus")
    leaving = await lasting.change("free")
    assert (leaving["plan"], leaving["cancel_at"]) == ("plus", leaving["current_period_end"])
    assert (await lasting.change("plus"))["cancel_at"] is None
    await lasting.change("free")
    await lasting.local.control("clock", days=32)
    assert (await lasting.hear())["plan"] == "free"
    assert code(await lasting.post("/subscription/change", {"plan": "plus"})) == (409, "not_subscribed")


async def test_leaving_takes_the_place_of_a_downgrade_and_the_other_way_round(shop: Shop) -> None:
    await shop.subscribe("pro")
    await shop.change("plus")
    leaving = await shop.change("free")
    assert (leaving["next_plan"], bool(leaving["cancel_at"])) == (None, True)
    staying = await shop.change("plus")
    assert (staying["next_plan"], staying["cancel_at"]) == ("plus", None)


async def test_an_upgrade_takes_the_place_of_what_was_to_come(
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
    async with opened(own, changed, app) as shop:
        await shop.subscribe("pro")
        await shop.change("plus")
        upgraded = await shop.change("studio")
        assert (upgraded["plan"], upgraded["next_plan"]) == ("studio", None)
        await shop.change("free")
        assert (await shop.get("/subscription"))["cancel_at"]


async def test_an_upgrade_of_whoever_was_leaving_means_staying(shop: Shop) -> None:
    await shop.subscribe("plus")
    await shop.change("free")
    upgraded = await shop.change("pro")
    assert (upgraded["plan"], upgraded["cancel_at"]) == ("pro", None)


async def test_an_upgrade_the_bank_declines_changes_nothing_and_says_what_to_do(shop: Shop) -> None:
    await shop.subscribe("plus")
    customer = await shop.customer()
    await shop.local.control("cards", customer=customer, count=None, decline_code=POOR)
    answer = await shop.post("/subscription/change", {"plan": "pro"})
    assert code(answer) == (402, "card_declined")
    problem = answer.json()
    assert (problem["reason"], problem["portal"]) == (POOR, "/v1/billing/portal")
    assert (await shop.local.web.get(problem["invoice"])).status_code == 200
    assert (await shop.hear())["plan"] == "plus"
    await shop.local.control("cards", customer=customer, count=0, decline_code=POOR)
    assert (await shop.change("pro"))["plan"] == "pro"
    paid = [one["amount_paid"] for one in await shop.there("/v1/invoices") if one["status"] == "paid"]
    assert len(paid) == 2  # the plan, and one upgrade


async def test_a_change_that_waits_for_its_payment_is_taken_back_by_the_present_plan(shop: Shop) -> None:
    await shop.subscribe("plus")
    await shop.local.control("cards", customer=await shop.customer(), count=None, decline_code=POOR)
    assert code(await shop.post("/subscription/change", {"plan": "pro"})) == (402, "card_declined")
    await shop.change("plus")
    [seen] = await shop.there("/v1/subscriptions")
    assert seen["pending_update"] is None
    assert "open" not in {one["status"] for one in await shop.there("/v1/invoices")}


async def test_whoever_owes_pays_first(lasting: Shop) -> None:
    await lasting.subscribe("plus")
    await lasting.local.control("cards", customer=await lasting.customer(), count=None, decline_code=POOR)
    await lasting.local.control("clock", days=32)
    assert (await lasting.hear())["status"] == "past_due"
    for path in ("/subscription/preview", "/subscription/change"):
        assert code(await lasting.post(path, {"plan": "pro"})) == (402, "card_declined")
    assert (await lasting.change("free"))["cancel_at"]


async def test_changes_at_once_charge_once(shop: Shop) -> None:
    await shop.subscribe("plus")
    answers = await asyncio.gather(*(shop.post("/subscription/change", {"plan": "pro"}) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    paid = [one["amount_paid"] for one in await shop.there("/v1/invoices") if one["amount_paid"]]
    assert len(paid) == 2


async def test_changes_that_contradict_each_other_leave_one_of_them(shop: Shop) -> None:
    await shop.subscribe("pro")
    for _ in range(5):
        wishes = [shop.post("/subscription/change", {"plan": plan}) for plan in ("plus", "free")]
        assert {answer.status_code for answer in await asyncio.gather(*wishes)} <= {200, 409}
        seen = await shop.hear()
        assert (seen["next_plan"] is None) != (seen["cancel_at"] is None)
        assert (await shop.change("pro"))["cancel_at"] is None


async def test_without_a_subscription_there_is_nothing_to_change(shop: Shop) -> None:
    for path in ("/subscription/preview", "/subscription/change"):
        answer = await shop.post(path, {"plan": "pro"})
        assert code(answer) == (409, "not_subscribed")
        assert "/v1/billing/checkout" in answer.json()["detail"]


async def test_a_plan_that_is_not_there_is_refused_by_name(shop: Shop) -> None:
    await shop.subscribe("plus")
    answer = await shop.post("/subscription/change", {"plan": "gold"})
    assert (answer.status_code, answer.json()["param"]) == (422, "plan")


async def test_a_trial_upgrades_without_a_bill(shop: Shop) -> None:
    await shop.subscribe("plus", trial=True)
    shown = (await shop.post("/subscription/preview", {"plan": "pro"})).json()
    assert (shown["amount_due"], shown["credits"]) == (0, 0)
    changed = await shop.change("pro", proration_date=shown["proration_date"])
    assert (changed["plan"], changed["status"]) == ("pro", "trialing")


async def test_a_stripe_that_is_away_is_503_with_when_to_come_back(shop: Shop, app: Litestar) -> None:
    nowhere = msgspec.structs.replace(shop.app_state.settings, stripe_url="http://127.0.0.1:9")
    away = Stripe(nowhere, pause=0.001, timeout=0.2)
    purchases = type(shop.app_state.purchases)(
        nowhere, shop.app_state.pool, away, shop.app_state.tariff, _catalogue(away)
    )
    app.state.app_state = shop.app_state._replace(purchases=purchases)
    answer = await shop.post("/portal", {})
    assert code(answer) == (503, "payments_away")
    assert int(answer.headers["retry-after"]) > 0
    await away.close()


def _catalogue(stripe: Stripe) -> Any:
    from api.billing.stripe.lookup_keys import PriceCatalog

    return PriceCatalog(stripe)
