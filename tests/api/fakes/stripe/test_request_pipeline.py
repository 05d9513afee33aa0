"""Credentials, API version and unknown URLs."""

from __future__ import annotations

import pytest
import stripe

from tests.support.fake_stripe import AUTHORIZATION, KEY, FakeStripe, new_client


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer sk_test_wrong"}, {"Authorization": "Basic !"}])
async def test_a_missing_or_wrong_key_is_rejected(fake_stripe: FakeStripe, header: dict[str, str]) -> None:
    answer = await fake_stripe.http.get("/v1/customers", headers=header)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_key_is_accepted_as_basic_authentication_user(fake_stripe: FakeStripe) -> None:
    assert (await fake_stripe.http.get("/v1/customers", auth=(KEY, ""))).status_code == 200
    with pytest.raises(stripe.AuthenticationError):
        await new_client(fake_stripe.url, "sk_test_wrong").v1.customers.list_async()


async def test_another_api_version_is_rejected(fake_stripe: FakeStripe) -> None:
    answer = await fake_stripe.http.get("/v1/customers", headers={**AUTHORIZATION, "Stripe-Version": "2020-08-27"})
    assert answer.status_code == 400


async def test_unknown_objects_and_unknown_urls_are_404(fake_stripe: FakeStripe) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await fake_stripe.v1.invoices.retrieve_async("in_none")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")
    assert (await fake_stripe.http.get("/v1/nothing", headers=AUTHORIZATION)).status_code == 404
