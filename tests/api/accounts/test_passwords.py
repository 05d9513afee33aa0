"""Password hashes: verified, refused, renewed."""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher

from api.accounts.passwords import HASHER, hash_password, verify_password


async def test_a_right_password_keeps_its_hash() -> None:
    password_hash = await hash_password("correct horse")
    assert await verify_password(password_hash, "correct horse") == password_hash


async def test_a_wrong_password_and_a_missing_account_are_refused() -> None:
    password_hash = await hash_password("correct horse")
    assert await verify_password(password_hash, "wrong horse") is None
    assert await verify_password(None, "correct horse") is None


async def test_a_hash_of_older_costs_is_renewed() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash("correct horse")
    renewed = await verify_password(old, "correct horse")
    assert renewed is not None
    assert renewed != old
    assert not HASHER.check_needs_rehash(renewed)


async def test_composed_and_decomposed_characters_are_equal() -> None:
    composed, decomposed = (unicodedata.normalize(form, "café crème") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert await verify_password(await hash_password(composed), decomposed)
