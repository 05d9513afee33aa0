"""Pagination and filters of lists."""

from __future__ import annotations

from tests.support.fake_stripe import FakeStripe


async def test_lists_are_paginated_newest_first(fake_stripe: FakeStripe) -> None:
    created = [(await fake_stripe.v1.customers.create_async({"email": f"{i}@x.org"})).id for i in range(25)]
    page = await fake_stripe.v1.customers.list_async({"limit": 10})
    assert [item.id for item in page.data] == created[:14:-1]
    assert page.has_more
    assert [item.id async for item in page.auto_paging_iter()] == created[::-1]
    back = await fake_stripe.v1.customers.list_async({"limit": 5, "ending_before": created[4]})
    assert ([item.id for item in back.data], back.has_more) == (created[9:4:-1], True)
    assert [item.id for item in (await fake_stripe.v1.customers.list_async({"email": "7@x.org"})).data] == [created[7]]
