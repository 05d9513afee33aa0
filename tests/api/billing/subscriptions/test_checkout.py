"""Buying through our routes, against the Stripe double as a process."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from api.billing.stripe.client import Stripe
from api.billing.subscriptions.checkout import is_return_url_allowed
from tests.support.billing_client import DECLINED, PAID, BillingClient, problem_code
from tests.support.users import Person


async def test_a_user_subscribes_on_the_checkout_page(billing_client: BillingClient) -> None:
    assert await billing_client.get("/subscription") == {
        **dict.fromkeys(
            ("version", "status", "current_period_start", "current_period_end", "trial_end", "cancel_at", "next_plan")
        ),
        "object": "subscription",
        "plan": "free",
    }
    page = await billing_client.open_checkout("plus")
    assert (page["kind"], page["item"], page["amount"], page["currency"]) == ("subscription", "plus", 999, "usd")
    assert page["trial_days"] == 7
    assert "7 days free" in (await billing_client.stripe_process.http_client.get(page["url"])).text
    await billing_client.stripe_process.complete_checkout(page["url"])
    subscription = await billing_client.apply_events()
    assert (subscription["plan"], subscription["version"], subscription["status"]) == ("plus", 1, "trialing")
    assert subscription["trial_end"] == subscription["current_period_end"]
    assert (await billing_client.get("/balance"))["available"] >= 300
    [made] = await billing_client.list_objects("/v1/subscriptions")
    assert {item["price"]["lookup_key"] for item in made["items"]["data"]} == {"kinora_plus_v1", "kinora_overage_v1"}
    assert {"user": billing_client.person.id, "plan": "plus", "version": "1"}.items() <= made["metadata"].items()


async def test_a_second_subscription_is_refused(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus", trial=True)
    answer = await billing_client.post("/checkout", {"plan": "pro", "success_url": PAID})
    assert problem_code(answer) == (409, "already_subscribed")
    assert "/v1/billing/subscription/change" in answer.json()["detail"]


async def test_a_subscription_without_an_event_so_far_counts_too(billing_client: BillingClient) -> None:
    await billing_client.stripe_process.complete_checkout((await billing_client.open_checkout("plus"))["url"])
    assert problem_code(await billing_client.post("/checkout", {"plan": "plus", "success_url": PAID})) == (
        409,
        "already_subscribed",
    )


async def test_a_user_has_one_trial(billing_client: BillingClient) -> None:
    await billing_client.subscribe("plus", trial=True)
    [made] = await billing_client.list_objects("/v1/subscriptions")
    await billing_client.stripe_process.call_stripe("DELETE", f"/v1/subscriptions/{made['id']}")
    assert (await billing_client.open_checkout("plus"))["trial_days"] == 0  # Stripe knows, before we have heard
    await billing_client.apply_events()
    page = await billing_client.open_checkout("plus")
    assert page["trial_days"] == 0
    await billing_client.stripe_process.complete_checkout(page["url"])
    assert (await billing_client.apply_events())["status"] == "active"


async def test_packs_are_paid_together_and_stay(billing_client: BillingClient) -> None:
    answer = await billing_client.post("/packs/checkout", {"pack": "small", "quantity": 2, "success_url": PAID})
    page = answer.json()
    assert (page["kind"], page["item"], page["quantity"], page["amount"]) == ("pack", "small", 2, 998)
    await billing_client.stripe_process.complete_checkout(page["url"])
    await billing_client.apply_events()
    assert (await billing_client.get("/balance"))["buckets"]["purchased"]["amount"] == 1000
    assert (await billing_client.post("/packs/checkout", {"pack": "small", "quantity": 2, "success_url": PAID})).json()[
        "id"
    ] != page["id"]


async def test_a_declined_card_buys_nothing(billing_client: BillingClient) -> None:
    page = await billing_client.open_checkout("pro")
    answer = await billing_client.stripe_process.http_client.post(page["url"], data={"card": DECLINED})
    assert answer.status_code == 200
    assert (await billing_client.apply_events())["plan"] == "free"
    assert (await billing_client.open_checkout("pro"))["url"] == page["url"]


async def test_the_portal_opens(billing_client: BillingClient) -> None:
    answer = await billing_client.post("/portal", {"return_url": "http://localhost:3000/account"})
    assert answer.status_code == 200, answer.text
    assert (await billing_client.stripe_process.http_client.get(answer.json()["url"])).status_code == 200


async def test_a_repeated_key_opens_another_portal(billing_client: BillingClient) -> None:
    first = await billing_client.post("/portal", {}, **{"Idempotency-Key": "one"})
    again = await billing_client.post("/portal", {}, **{"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["url"] != again.json()["url"]
    async with billing_client.app_state.pool.acquire() as connection:
        assert (
            await connection.fetchval("SELECT body FROM idempotency WHERE user_id = $1", billing_client.person.id)
            == b""
        )
    other = await billing_client.post("/portal", {"return_url": PAID}, **{"Idempotency-Key": "one"})
    assert problem_code(other) == (422, "idempotency_key_reused")


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
async def test_unknown_offers_and_unsafe_urls_are_refused_by_param(
    billing_client: BillingClient, path: str, body: dict[str, Any], param: str
) -> None:
    answer = await billing_client.post(path, body)
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
        assert problem_code(answer) == (404, "nothing_sold")
    answer = await client.get("/v1/billing/subscription", headers=account.headers)
    assert answer.json()["plan"] == "free"


async def test_an_outage_of_stripe_is_503_with_retry_after(billing_client: BillingClient, app: Litestar) -> None:
    nowhere = msgspec.structs.replace(billing_client.app_state.settings, stripe_url="http://127.0.0.1:9")
    away = Stripe(nowhere, pause=0.001, timeout=0.2)
    purchases = type(billing_client.app_state.purchases)(
        nowhere, billing_client.app_state.pool, away, billing_client.app_state.tariff, _catalog(away)
    )
    app.state.app_state = billing_client.app_state._replace(purchases=purchases)
    answer = await billing_client.post("/portal", {})
    assert problem_code(answer) == (503, "payments_away")
    assert int(answer.headers["retry-after"]) > 0
    await away.close()


def _catalog(stripe: Stripe) -> Any:
    from api.billing.stripe.lookup_keys import PriceCatalog

    return PriceCatalog(stripe)
