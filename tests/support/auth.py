"""Requests of signed-in users."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx


def bearer_header(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def refresh_tokens(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v1/auth/refresh", json={"refresh_token": token})


async def get_me(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await client.get("/v1/me", headers=headers)


async def age_sessions(connection: asyncpg.Connection[Any], seconds: float) -> None:
    """Let time pass for refresh tokens and sessions: inside a rolled-back test `now()` stands still."""
    await connection.execute("UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $1)", seconds)
    await connection.execute(
        """
        UPDATE sessions
        SET used_at = used_at - make_interval(secs => $1), expires_at = expires_at - make_interval(secs => $1)
        """,
        seconds,
    )
