"""Fixtures of the SDK's tests against a running backend."""

from __future__ import annotations

import httpx
import pytest

from tests.support.users import Person


@pytest.fixture
async def api_key(backend_client: httpx.AsyncClient, backend_user: Person) -> str:
    """An API key of somebody who has just signed up."""
    answer = await backend_client.post("/v1/api_keys", json={"name": "sdk"}, headers=backend_user.headers)
    return str(answer.raise_for_status().json()["key"])
