"""What every request meets: the key, the parameters, lists, `expand`, idempotency, and faults on demand."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import stripe

from tests.fakes.stripe.conftest import KEY, Double, Shop, client

AUTH = {"Authorization": f"Bearer {KEY}"}


async def post(double: Double, path: str, key: str | None = None, **data: Any) -> httpx.Response:
    headers = AUTH | ({"Idempotency-Key": key} if key else {})
    return await double.http.post(path, data=data, headers=headers)


async def count(double: Double) -> int:
    return len((await double.v1.customers.list_async({"limit": 100})).data)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer sk_test_wrong"}, {"Authorization": "Basic !"}])
async def test_without_its_key_nothing_is_answered(double: Double, header: dict[str, str]) -> None:
    answer = await double.http.get("/v1/customers", headers=header)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_key_may_come_as_the_user_of_basic_authentication(double: Double) -> None:
    assert (await double.http.get("/v1/customers", auth=(KEY, ""))).status_code == 200
    with pytest.raises(stripe.AuthenticationError):
        await client(double.url, "sk_test_wrong").v1.customers.list_async()


async def test_another_version_is_refused_rather_than_half_spoken(double: Double) -> None:
    answer = await double.http.get("/v1/customers", headers={**AUTH, "Stripe-Version": "2020-08-27"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "data", "code", "param"),
    [
        ("/v1/customers", {"colour": "red"}, "parameter_unknown", "colour"),
        ("/v1/prices", {"unit_amount": "1", "recurring[colour]": "x"}, "parameter_missing", "recurring[interval]"),
        ("/v1/products", {}, "parameter_missing", "name"),
        ("/v1/prices", {"unit_amount": "cheap"}, "parameter_invalid_integer", "unit_amount"),
        ("/v1/prices", {"unit_amount": "1", "currency": "usd", "product": "no"}, "resource_missing", "product"),
    ],
)
async def test_a_wrong_parameter_is_named(double: Double, path: str, data: Any, code: str, param: str) -> None:
    answer = await post(double, path, **data)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
    assert answer.headers["request-id"].startswith("req_")


async def test_a_nested_parameter_that_nobody_reads_is_refused(double: Double) -> None:
    await double.v1.products.create_async({"id": "p", "name": "P"})
    asked = {"unit_amount": "1", "currency": "usd", "product": "p", "recurring[interval]": "month", "recurring[x]": "y"}
    answer = await post(double, "/v1/prices", **asked)
    assert answer.json()["error"]["param"] == "recurring[x]"
    assert (await double.v1.prices.list_async()).data == []


async def test_what_is_not_there_is_404_by_path_and_by_route(double: Double) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await double.v1.invoices.retrieve_async("in_none")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")
    assert (await double.http.get("/v1/nothing", headers=AUTH)).status_code == 404


async def test_lists_go_page_by_page_newest_first(double: Double) -> None:
    made = [(await double.v1.customers.create_async({"email": f"{i}@x.org"})).id for i in range(25)]
    page = await double.v1.customers.list_async({"limit": 10})
    assert [one.id for one in page.data] == made[:14:-1]
    assert page.has_more
    assert [one.id async for one in page.auto_paging_iter()] == made[::-1]
    back = await double.v1.customers.list_async({"limit": 5, "ending_before": made[4]})
    assert ([one.id for one in back.data], back.has_more) == (made[9:4:-1], True)
    assert [one.id for one in (await double.v1.customers.list_async({"email": "7@x.org"})).data] == [made[7]]


async def test_what_is_asked_for_is_expanded_and_nothing_else(shop: Shop) -> None:
    subscription = await shop.subscribed()
    v1 = shop.double.v1
    plain = await v1.invoices.retrieve_async(subscription.latest_invoice)
    assert "payments" not in plain
    assert plain.customer == shop.customer
    deep = ["customer.invoice_settings.default_payment_method", "payments.data.payment.payment_intent"]
    found = await v1.invoices.retrieve_async(subscription.latest_invoice, {"expand": deep})
    assert found.customer.email == "ada@example.org"
    assert found.payments.data[0].payment.payment_intent.status == "succeeded"
    page = await v1.subscriptions.list_async({"customer": shop.customer, "expand": ["data.latest_invoice"]})
    assert page.data[0].latest_invoice.id == subscription.latest_invoice
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await v1.customers.retrieve_async(shop.customer, {"expand": ["email"]})


async def test_a_lookup_key_goes_over_to_another_price_only_when_that_is_said(shop: Shop) -> None:
    v1 = shop.double.v1
    asked: Any = {"product": "kinora", "currency": "usd", "unit_amount": 1099, "recurring": {"interval": "month"}}
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        await v1.prices.create_async({**asked, "lookup_key": "plus_v1"})
    other = await v1.prices.create_async({**asked, "lookup_key": "plus_v1", "transfer_lookup_key": True})
    found = await v1.prices.list_async({"lookup_keys": ["plus_v1"], "active": True})
    assert [price.id for price in found.data] == [other.id]


async def test_metadata_is_added_to_and_unset_name_by_name(double: Double) -> None:
    customer = await double.v1.customers.create_async({"metadata": {"a": "1", "b": "2"}})
    customer = await double.v1.customers.update_async(customer.id, {"metadata": {"b": "", "c": "3"}})
    assert customer.metadata.to_dict() == {"a": "1", "c": "3"}
    customer = await double.v1.customers.update_async(customer.id, {"metadata": ""})
    assert customer.metadata.to_dict() == {}


# Idempotency


async def test_a_key_gives_the_first_answer_again(double: Double) -> None:
    first = await post(double, "/v1/customers", "k", email="a@x.org")
    again = await post(double, "/v1/customers", "k", email="a@x.org")
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"] != again.headers["request-id"]
    assert "idempotent-replayed" not in first.headers
    assert await count(double) == 1


async def test_a_key_is_for_one_request_only(double: Double) -> None:
    await post(double, "/v1/customers", "k", email="a@x.org")
    for path, email in (("/v1/customers", "b@x.org"), ("/v1/products", "a@x.org")):
        other = await post(double, path, "k", email=email)
        assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert await count(double) == 1


async def test_a_500_is_kept_for_its_key_whether_or_not_the_work_was_done(double: Double) -> None:
    for kind, made in (("500_before", 0), ("500_after", 1)):
        await double.local("faults", kind=kind, route="POST /v1/customers")
        for replayed in (None, "true"):
            answer = await post(double, "/v1/customers", kind, email="a@x.org")
            assert (answer.status_code, answer.json()["error"]["type"]) == (500, "api_error")
            assert answer.headers.get("idempotent-replayed") == replayed
        assert await count(double) == made


async def test_a_decline_is_kept_and_a_refused_parameter_is_not(shop: Shop) -> None:
    double = shop.double
    path = "/v1/payment_methods/pm_card_chargeDeclined/attach"
    for replayed in (None, "true"):
        answer = await post(double, path, "declined", customer=shop.customer)
        assert (answer.status_code, answer.json()["error"]["decline_code"]) == (402, "generic_decline")
        assert answer.headers.get("idempotent-replayed") == replayed
    assert (await post(double, "/v1/customers", "mended", email="a", colour="red")).status_code == 400
    assert (await post(double, "/v1/customers", "mended", email="a")).status_code == 200


@pytest.mark.parametrize("kind", ["409", "429"])
async def test_a_conflict_and_a_limit_leave_nothing_behind(double: Double, kind: str) -> None:
    await double.local("faults", kind=kind)
    assert (await post(double, "/v1/customers", "k", email="a@x.org")).status_code == int(kind)
    answer = await post(double, "/v1/customers", "k", email="a@x.org")
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (200, False)


async def test_a_key_that_is_being_used_is_in_use(double: Double) -> None:
    await double.local("faults", kind="slow", seconds=0.5)
    slow = asyncio.ensure_future(post(double, "/v1/customers", "k", email="a@x.org"))
    await double.struck("slow")
    meanwhile = await post(double, "/v1/customers", "k", email="a@x.org")
    assert (meanwhile.status_code, meanwhile.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await slow).status_code == 200
    assert (await post(double, "/v1/customers", "k", email="a@x.org")).headers["idempotent-replayed"] == "true"


async def test_fifty_at_once_with_one_key_make_one_object(double: Double) -> None:
    answers = await asyncio.gather(*(post(double, "/v1/customers", "k", email="a@x.org") for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert await count(double) == 1


async def test_a_key_lasts_a_day_and_has_255_characters_at_most(double: Double) -> None:
    first = await post(double, "/v1/customers", "k" * 255, email="a@x.org")
    assert (await post(double, "/v1/customers", "k" * 256, email="a@x.org")).status_code == 400
    await double.advance(hours=23)
    assert (await post(double, "/v1/customers", "k" * 255, email="a@x.org")).content == first.content
    await double.advance(hours=2)
    assert (await post(double, "/v1/customers", "k" * 255, email="a@x.org")).json()["id"] != first.json()["id"]


async def test_a_key_means_nothing_for_reading(double: Double) -> None:
    for made in range(2):
        page = await double.http.get("/v1/customers", headers={**AUTH, "Idempotency-Key": "k"})
        assert len(page.json()["data"]) == made
        await post(double, "/v1/customers")


# Faults


@pytest.mark.parametrize(("kind", "made"), [("reset_before", 0), ("reset_after", 1)])
async def test_a_connection_is_cut_before_or_after_the_work(double: Double, kind: str, made: int) -> None:
    await double.local("faults", kind=kind, route="POST /v1/customers")
    with pytest.raises(httpx.TransportError):
        await post(double, "/v1/customers", "k", email="a@x.org")
    assert await count(double) == made
    answer = await post(double, "/v1/customers", "k", email="a@x.org")
    assert (answer.status_code, await count(double)) == (200, 1)
    assert ("idempotent-replayed" in answer.headers) == bool(made)


@pytest.mark.parametrize(("kind", "made"), [("timeout_before", 0), ("timeout_after", 1)])
async def test_a_request_hangs_before_or_after_the_work(double: Double, kind: str, made: int) -> None:
    await double.local("faults", kind=kind, seconds=0.4)
    with pytest.raises(httpx.ReadTimeout):
        await double.http.post("/v1/customers", headers={**AUTH, "Idempotency-Key": "k"}, timeout=0.1)
    assert (await post(double, "/v1/customers", "k")).json()["error"]["code"] == "idempotency_key_in_use"
    answer = await post(double, "/v1/customers", "k")
    while answer.status_code == 409:
        answer = await post(double, "/v1/customers", "k")
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (200, bool(made))
    assert await count(double) == 1


async def test_the_library_gets_over_every_fault_that_it_tries_again(double: Double) -> None:
    for kind in ("reset_before", "reset_after", "409"):
        await double.local("faults", kind=kind)
        customer = await double.another(max_network_retries=2).v1.customers.create_async({"email": f"{kind}@x.org"})
        found = await double.v1.customers.list_async({"email": f"{kind}@x.org"})
        assert [one.id for one in found.data] == [customer.id]


async def test_headers_say_whether_to_try_again(double: Double) -> None:
    await double.local("faults", kind="429", retry_after=3, should_retry=True)
    answer = await post(double, "/v1/customers")
    assert (answer.headers["retry-after"], answer.headers["stripe-should-retry"]) == ("3", "true")
    await double.local("faults", kind="500_before", should_retry=False)
    assert (await post(double, "/v1/customers")).headers["stripe-should-retry"] == "false"


async def test_a_fault_strikes_where_and_how_often_it_should(double: Double) -> None:
    await double.local("faults", kind="500_before", route="POST /v1/products*", count=2)
    assert (await post(double, "/v1/customers")).status_code == 200
    statuses = [(await post(double, "/v1/products", name="P")).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]


async def test_chance_is_the_same_for_the_same_seed(double: Double) -> None:
    runs = []
    for seed in (7, 7, 8):
        await double.http.delete("/_local/faults")
        await double.local("faults", kind="500_before", count=None, probability=0.5, seed=seed)
        runs.append([(await post(double, "/v1/customers")).status_code for _ in range(20)])
    assert runs[0] == runs[1] != runs[2]
    assert 3 < runs[0].count(500) < 17


async def test_a_fault_that_does_not_exist_is_refused(double: Double) -> None:
    answer = await double.http.post("/_local/faults", json={"kind": "flood"})
    assert (answer.status_code, "500_after" in answer.text) == (400, True)
