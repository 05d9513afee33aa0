"""The account of the person who is signed in: read and updated."""

from __future__ import annotations

from api.errors import NotFound
from api.schemas.accounts import ProfileUpdate, User
from api.sql import users
from api.sql.connection import Database, Pool, transaction


async def get_profile(db: Database, user_id: str) -> User:
    """The user. Raises NotFound if the account has just been deleted."""
    user = await users.find_user(db, user_id)
    if user is None:
        raise NotFound("This account has been deleted.")
    return user


async def update_profile(pool: Pool, user_id: str, changes: ProfileUpdate) -> User:
    """Change the fields that are not None. Raises NotFound as `get_profile` does."""
    async with transaction(pool) as db:
        await users.update_user(db, user_id, name=changes.name, locale=changes.locale)
        return await get_profile(db, user_id)
