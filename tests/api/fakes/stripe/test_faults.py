"""Injected faults of requests."""

from __future__ import annotations

import httpx
import pytest

from tests.support.fake_stripe import AUTHORIZATION, FakeStripe


@pytest.mark.parametrize(("kind", "created"), [("reset_before", 0), ("reset_after", 1)])
async def test_a_connection_is_reset_before_or_after_the_commit(
    fake_stripe: FakeStripe, kind: str, created: int
) -> None:
    await fake_stripe.control("faults", kind=kind, route="POST /v1/customers")
    with pytest.raises(httpx.TransportError):
        await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")
    assert await fake_stripe.count_customers() == created
    answer = await fake_stripe.post_form("/v1/customers", "k", email="a@x.org")
    assert (answer.status_code, await fake_stripe.count_customers()) == (200, 1)
    assert ("idempotent-replayed" in answer.headers) == bool(created)


@pytest.mark.parametrize(("kind", "created"), [("timeout_before", 0), ("timeout_after", 1)])
async def test_a_request_times_out_before_or_after_the_commit(fake_stripe: FakeStripe, kind: str, created: int) -> None:
    await fake_stripe.control("faults", kind=kind, seconds=0.4)
    with pytest.raises(httpx.ReadTimeout):
        await fake_stripe.http.post("/v1/customers", headers={**AUTHORIZATION, "Idempotency-Key": "k"}, timeout=0.1)
    assert (await fake_stripe.post_form("/v1/customers", "k")).json()["error"]["code"] == "idempotency_key_in_use"
    answer = await fake_stripe.post_form("/v1/customers", "k")
    while answer.status_code == 409:
        answer = await fake_stripe.post_form("/v1/customers", "k")
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (200, bool(created))
    assert await fake_stripe.count_customers() == 1


async def test_the_library_recovers_from_faults_that_it_retries(fake_stripe: FakeStripe) -> None:
    for kind in ("reset_before", "reset_after", "409"):
        await fake_stripe.control("faults", kind=kind)
        customer = await fake_stripe.new_client(max_network_retries=2).v1.customers.create_async(
            {"email": f"{kind}@x.org"}
        )
        found = await fake_stripe.v1.customers.list_async({"email": f"{kind}@x.org"})
        assert [item.id for item in found.data] == [customer.id]


async def test_fault_responses_have_retry_headers(fake_stripe: FakeStripe) -> None:
    await fake_stripe.control("faults", kind="429", retry_after=3, should_retry=True)
    answer = await fake_stripe.post_form("/v1/customers")
    assert (answer.headers["retry-after"], answer.headers["stripe-should-retry"]) == ("3", "true")
    await fake_stripe.control("faults", kind="500_before", should_retry=False)
    assert (await fake_stripe.post_form("/v1/customers")).headers["stripe-should-retry"] == "false"


async def test_a_fault_applies_to_its_route_and_count(fake_stripe: FakeStripe) -> None:
    await fake_stripe.control("faults", kind="500_before", route="POST /v1/products*", count=2)
    assert (await fake_stripe.post_form("/v1/customers")).status_code == 200
    statuses = [(await fake_stripe.post_form("/v1/products", name="P")).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]


async def test_probability_is_reproducible_by_seed(fake_stripe: FakeStripe) -> None:
    runs = []
    for seed in (7, 7, 8):
        await fake_stripe.http.delete("/_local/faults")
        await fake_stripe.control("faults", kind="500_before", count=None, probability=0.5, seed=seed)
        runs.append([(await fake_stripe.post_form("/v1/customers")).status_code for _ in range(20)])
    assert runs[0] == runs[1] != runs[2]
    assert 3 < runs[0].count(500) < 17


async def test_an_unknown_fault_kind_is_rejected(fake_stripe: FakeStripe) -> None:
    answer = await fake_stripe.http.post("/_local/faults", json={"kind": "flood"})
    assert (answer.status_code, "500_after" in answer.text) == (400, True)
