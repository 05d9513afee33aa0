"""Billing over HTTP: what is sold, what is there, where it went, and overage."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from litestar import Litestar

from api.billing.ledger import clawbacks, grants
from api.billing.ledger.credits import CreditLedger
from api.billing.tariff import pricing
from api.billing.tariff.pricing import PricedWork
from api.http.state import AppState
from api.sql.connection import database_time
from tests.support.factories import TARIFF
from tests.support.rebuilt import rebuild_creates
from tests.support.users import Person

PROMPT = "a red ball bounces over green hills at sunset"


async def subscribe(connection: asyncpg.Connection[Any], person: Person, plan: str, status: str = "active") -> None:
    await connection.execute("UPDATE users SET plan = $2, plan_version = 1 WHERE id = $1", person.id, plan)
    await connection.execute(
        """
        INSERT INTO subscriptions (id, user_id, plan, version, status, metered_item, period_start, period_end)
        VALUES ('sub_' || $1, $1, $2, 1, $3, 'si_1', now(), now() + interval '30 days')
        ON CONFLICT (id) DO UPDATE
        SET status = $3
        """,
        person.id,
        plan,
        status,
    )
    await grants.sync_overage_line(connection, person.id)


async def overage(client: httpx.AsyncClient, person: Person, **body: Any) -> httpx.Response:
    return await client.patch("/v1/billing/overage", json=body, headers=person.headers)


async def entries(client: httpx.AsyncClient, person: Person) -> list[dict[str, Any]]:
    """All of them, page by page."""
    found: list[dict[str, Any]] = []
    more: dict[str, Any] = {"has_more": True, "last_id": None}
    while more["has_more"]:
        params = {"limit": "3", "order": "asc"} | ({"after": more["last_id"]} if found else {})
        more = (await client.get("/v1/billing/ledger", params=params, headers=person.headers)).json()
        found += more["data"]
    return found


async def balance(client: httpx.AsyncClient, person: Person) -> dict[str, Any]:
    shown: dict[str, Any] = (await client.get("/v1/billing/balance", headers=person.headers)).json()
    return shown


async def test_everything_that_is_sold_is_public(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/v1/billing/plans")).json()
    assert [(plan["id"], plan["amount"], plan["marked"], plan["relaxed"]) for plan in shown["data"]] == [
        ("free", 0, True, False),
        ("plus", 999, False, False),
        ("pro", 4999, False, True),
    ]
    plus = shown["data"][1]
    assert (plus["version"], plus["currency"], plus["trial_days"], plus["trial_credits"]) == (1, "usd", 7, 300)
    for plan in shown["data"]:
        theirs = msgspec.structs.asdict(TARIFF.find_plan(plan["id"]))
        assert {name: plan[name] for name in theirs if name != "name"} == {
            name: value for name, value in theirs.items() if name != "name"
        }
    assert [(pack["id"], pack["credits"], pack["amount"]) for pack in shown["packs"]] == [
        ("small", 500, 499),
        ("medium", 2500, 1999),
        ("large", 10000, 6999),
    ]
    assert shown["overage"] == {"amount": "1", "currency": "usd", "max_cap": 10000, "default_cap": 1000}


@pytest.mark.parametrize(("seconds", "size", "quality", "n"), [(4, "320x192", "full", 1), (7, "1280x720", "turbo", 3)])
async def test_the_published_prices_are_charged(
    client: httpx.AsyncClient, account: Person, seconds: int, size: str, quality: str, n: int
) -> None:
    shown = (await client.get("/v1/billing/plans")).json()["prices"]
    side = min(map(int, size.split("x")))
    rate = next(each["rate"] for each in shown["tiers"] if side <= (each["max_short_side"] or side))
    ask = {"prompt": PROMPT, "seconds": seconds, "size": size, "quality": quality, "n": n}
    estimate = (await client.post("/v1/videos/estimate", json=ask, headers=account.headers)).json()
    assert estimate["credits"] == seconds * rate * shown["quality"][quality] * n
    made = (await client.post("/v1/videos", json=ask, headers=account.headers)).json()
    assert made["cost"] == {"credits": estimate["credits"] // n, "state": "held", "relaxed": False}
    assert (await balance(client, account))["held"] == estimate["credits"]


async def test_another_tariff_prices_models_and_operations(
    client: httpx.AsyncClient, account: Person, app: Litestar
) -> None:
    app_state: AppState = app.state.app_state
    dear = msgspec.structs.replace(TARIFF.prices, models={"kinora-mini": 3}, operations={"text_to_video": 2})
    app.state.app_state = rebuild_creates(app_state._replace(tariff=msgspec.structs.replace(TARIFF, prices=dear)))
    ask = {"prompt": PROMPT, "seconds": 1, "size": "320x192"}
    estimate = (await client.post("/v1/videos/estimate", json=ask, headers=account.headers)).json()
    assert estimate["credits"] == 12
    assert pricing.price_in_credits(dear, PricedWork("kinora-mini", "text_to_video", "full", 1, 320, 192)) == 12
    assert (await client.post("/v1/videos", json=ask, headers=account.headers)).json()["cost"]["credits"] == 12


async def test_limits_are_those_of_the_version_that_was_bought(
    client: httpx.AsyncClient, account: Person, app: Litestar, connection: asyncpg.Connection[Any]
) -> None:
    plus = TARIFF.find_plan("plus")
    newer = msgspec.structs.replace(plus, version=2, max_seconds=3, marked=True)
    sold = msgspec.structs.replace(TARIFF, plans=[*TARIFF.plans, newer])
    app.state.app_state = rebuild_creates(app.state.app_state._replace(tariff=sold, credits=CreditLedger(sold)))
    await connection.execute("UPDATE users SET plan = 'plus', plan_version = 1 WHERE id = $1", account.id)
    ask = {"prompt": PROMPT, "seconds": 5, "size": "320x192"}
    assert (await client.post("/v1/videos", json=ask, headers=account.headers)).status_code == 200
    for version in (2, None):
        await connection.execute("UPDATE users SET plan_version = $2 WHERE id = $1", account.id, version)
        refused = await client.post("/v1/videos", json=ask, headers=account.headers)
        assert (refused.status_code, refused.json()["limit"]) == (403, 3)


async def test_a_spent_pro_plan_goes_to_the_relaxed_queue(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    await subscribe(connection, account, "pro")
    await connection.execute("UPDATE lots SET expires_at = now() WHERE user_id = $1", account.id)
    ask = {"prompt": PROMPT, "seconds": 5, "n": 2}
    estimate = (await client.post("/v1/videos/estimate", json=ask, headers=account.headers)).json()
    assert (estimate["credits"], estimate["relaxed"], estimate["refusals"]) == (0, True, [])
    made = (await client.post("/v1/videos", json=ask, headers=account.headers)).json()
    assert made["cost"] == {"credits": 0, "state": "held", "relaxed": True}
    await subscribe(connection, account, "plus")
    refused = (await client.post("/v1/videos/estimate", json=ask, headers=account.headers)).json()
    assert (refused["relaxed"], [one["code"] for one in refused["refusals"]]) == (False, ["insufficient_credits"])


async def test_overage_takes_a_plan_that_is_paid_for(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    refused = await overage(client, account, enabled=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_subscribed")
    assert "/v1/billing/checkout" in refused.json()["detail"]
    await subscribe(connection, account, "plus", "trialing")
    refused = await overage(client, account, enabled=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "subscription_unpaid")
    assert (await overage(client, account, enabled=False)).status_code == 200


async def test_overage_is_allowed_changed_and_forbidden_and_the_ledger_shows_it(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any]
) -> None:
    await subscribe(connection, account, "plus")
    for body, available, cap in (
        ({"enabled": True}, 1300, 1000),
        ({"enabled": True}, 1300, 1000),
        ({"enabled": True, "cap": 50}, 350, 50),
        ({"enabled": True, "cap": 60}, 360, 60),
        ({"enabled": False}, 300, 0),
        ({"enabled": False, "cap": 7}, 300, 0),
    ):
        shown = (await overage(client, account, **body)).json()
        assert (shown["available"], shown["buckets"]["overage"]) == (
            available,
            {"enabled": cap > 0, "cap": cap, "used": 0},
        )
        assert shown == await balance(client, account)
    listed = await entries(client, account)
    assert [(entry["kind"], entry["bucket"], entry["amount"]) for entry in listed] == [
        ("grant", "allowance", 300),
        ("grant", "overage", 1000),
        ("expire", "overage", -950),
        ("grant", "overage", 10),
        ("expire", "overage", -60),
    ]


@pytest.mark.parametrize(("cap", "said"), [(0, "cap"), (10_001, "up to 10000"), ("many", "cap")])
async def test_a_cap_that_does_not_fit_is_named(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any], cap: object, said: str
) -> None:
    await subscribe(connection, account, "plus")
    refused = await overage(client, account, enabled=True, cap=cap)
    assert (refused.status_code, refused.json()["param"]) == (422, "cap")
    assert said in refused.json()["detail"]


async def test_a_key_needs_the_scope_to_allow_overage(client: httpx.AsyncClient, account: Person) -> None:
    for scope, status in (("account:read", 403), ("account:write", 409)):
        key = await client.post("/v1/api_keys", json={"name": "k", "scopes": [scope]}, headers=account.headers)
        headers = {"Authorization": f"Bearer {key.json()['key']}"}
        answer = await client.patch("/v1/billing/overage", json={"enabled": True}, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(("locale", "said"), [("en", "20 of 40 credits could be"), ("fr", "20 crédits sur 40 ont pu")])
async def test_a_clawback_of_held_credits_is_noted(
    client: httpx.AsyncClient, account: Person, connection: asyncpg.Connection[Any], locale: str, said: str
) -> None:
    await connection.execute("UPDATE users SET locale = $2 WHERE id = $1", account.id, locale)
    await subscribe(connection, account, "plus")
    ends = await database_time(connection) + timedelta(days=1)
    await grants.grant_allowance(
        connection, account.id, key="il_1", credits=40, expires_at=ends, invoice="in_1", payment="pi_1"
    )
    await connection.execute("UPDATE lots SET expires_at = now() WHERE key LIKE 'allowance:%'")
    ask = {"prompt": PROMPT, "seconds": 5, "size": "1280x720"}
    assert (await client.post("/v1/videos", json=ask, headers=account.headers)).json()["cost"]["credits"] == 20
    await clawbacks.apply_claim(connection, claim="re_1", kind="refund", payment="pi_1", share=Fraction(1))
    listed = await entries(client, account)
    refund = next(entry for entry in listed if entry["kind"] == "refund")
    assert (refund["amount"], refund["invoice"]) == (-20, None)
    assert said in refund["note"]
    assert all(entry["note"] is None for entry in listed if entry is not refund)
    assert [entry["invoice"] for entry in listed if entry["amount"] == 40] == ["in_1"]
    assert sum(entry["amount"] for entry in listed) == (await balance(client, account))["available"] == 0
