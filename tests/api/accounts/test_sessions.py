"""Accounts and sessions on a real database: races."""

from __future__ import annotations

import asyncio

from api.http.state import AppState
from api.schemas.accounts import SignUp


async def test_concurrent_sign_ups_create_one_account(isolated_state: AppState) -> None:
    form = SignUp(email="a@example.org", password="long enough")
    answers = await asyncio.gather(
        *(isolated_state.accounts.sign_up(form, "") for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["EmailTaken"] * 3 + ["Tokens"]


async def test_concurrent_refreshes_return_one_successor(isolated_state: AppState) -> None:
    signed_up = await isolated_state.accounts.sign_up(SignUp(email="a@example.org", password="long enough"), "")
    answers = await asyncio.gather(
        *(isolated_state.accounts.refresh_tokens(signed_up.refresh_token) for _ in range(12))
    )
    assert len({answer.refresh_token for answer in answers}) == 1
