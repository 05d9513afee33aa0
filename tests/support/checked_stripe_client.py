"""Stripe's own client, which checks every response against the annotations of the library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import stripe

from tests.support.stripe_annotations import find_mismatches

CHECKED_KINDS: set[str] = set()
"""Kinds of objects that were received and matched."""


def check_object(body: Any) -> None:
    """Check a response. Errors, deletions and version 2 lists are not objects of the library."""
    if "error" in body or body.get("deleted") or "next_page_url" in body:
        for row in body.get("data", []):
            check_object(row)
        return
    if body.get("object") == "list":
        assert isinstance(body["has_more"], bool)
        assert isinstance(body["url"], str)
        for row in body["data"]:
            check_object(row)
        return
    mismatches = find_mismatches(body)
    assert not mismatches, "\n".join(mismatches)
    record_kinds(body)
    if body["object"] == "event":
        check_object(body["data"]["object"])


def record_kinds(obj: Any) -> None:
    """Record the kinds of an object and of those inside it."""
    for member in obj.values() if isinstance(obj, dict) else obj if isinstance(obj, list) else ():
        record_kinds(member)
    if isinstance(obj, dict) and isinstance(obj.get("object"), str):
        CHECKED_KINDS.add(obj["object"])


class CheckedClient(stripe.HTTPXClient):
    """The library's HTTP client, checking responses before the library parses them."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        answer = await super().request_async(method, url, headers, post_data)
        check_object(msgspec.json.decode(answer[0]))
        return answer
