"""Users of the tests."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import httpx

_numbers = itertools.count(1)


class Person(NamedTuple):
    """A signed-up user and the headers to act as them."""

    id: str
    email: str
    password: str
    headers: dict[str, str]
    refresh_token: str


async def sign_up(client: httpx.AsyncClient) -> Person:
    """Sign up a new user."""
    email, password = f"person{next(_numbers)}@example.org", "correct horse battery"
    answer = await client.post("/v1/auth/signup", json={"email": email, "password": password})
    answer.raise_for_status()
    body = answer.json()
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    return Person(body["user"]["id"], email, password, headers, body["refresh_token"])
