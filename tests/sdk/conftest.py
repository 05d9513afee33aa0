"""Fixtures of the SDK's tests against a running backend."""

from __future__ import annotations

import httpx
import pytest

from tests.support.users import Person


@pytest.fixture
async def key(web: httpx.AsyncClient, resident: Person) -> str:
    """An API key of somebody who has just signed up."""
    answer = await web.post("/v1/api_keys", json={"name": "sdk"}, headers=resident.headers)
    return str(answer.raise_for_status().json()["key"])
