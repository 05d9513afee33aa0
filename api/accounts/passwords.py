"""Password hashes: argon2id, computed on threads of its own."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's second recommendation for argon2id: 19 MiB and two passes, about 25 ms of one core."""
HASHING_THREADS = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="argon2")
"""Separate threads, so that many sign-ins at once are bounded in memory and do not block file reads."""

T = TypeVar("T")


async def hash_password(password: str) -> str:
    """Hash a new password."""
    return await _run_hashing(lambda: HASHER.hash(_normalize_password(password)))


async def verify_password(password_hash: str | None, password: str) -> str | None:
    """The hash to store if the password is right, renewed if it was made with older costs; None if it is wrong.

    Without a hash (no such account) the same work is done and thrown away, so that timing reveals nothing.
    """
    return await _run_hashing(lambda: _verify_hash(password_hash, _normalize_password(password)))


def _verify_hash(password_hash: str | None, password: str) -> str | None:
    if password_hash is None:
        HASHER.hash(password)
        return None
    try:
        HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return None
    return HASHER.hash(password) if HASHER.check_needs_rehash(password_hash) else password_hash


async def _run_hashing(hashing: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(HASHING_THREADS, hashing)


def _normalize_password(password: str) -> str:
    """NFKC: keyboards write é as one character or as two."""
    return unicodedata.normalize("NFKC", password)
