"""A user's videos: whose they are, and how they are deleted."""

from __future__ import annotations

import pytest

from api.errors import NotFound
from api.http.state import AppState
from tests.support.generations import (
    balance,
    create,
    person,
)


async def test_somebody_elses_video_is_not_there(app_state: AppState) -> None:
    account, stranger = await person(app_state), await person(app_state)
    video_id = await create(app_state, account)
    for call in (app_state.library.get, app_state.lifecycle.cancel, app_state.library.delete):
        with pytest.raises(NotFound):
            await call(video_id, stranger.id)
        with pytest.raises(NotFound):
            await call("video_nonsense'; --", account.id)


async def test_deleting_cancels_first(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account)
    await app_state.library.delete(video_id, account.id)
    with pytest.raises(NotFound):
        await app_state.library.get(video_id, account.id)
    assert await balance(app_state, account) == (300, 0)
    assert await app_state.lifecycle.claim("worker_a") is None
