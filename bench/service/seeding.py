"""Inserts signed-in users and completed clips into the database in a few statements.

Their ids are numbers in the form of ids (`user_0…07`), so that a script in plain SQL can name any of them.
"""

from __future__ import annotations

from typing import NamedTuple

import asyncpg

from api.keyring import Keyring
from api.settings import Settings

CREDITS = 1_000_000  # for each, so that credits never end a measurement

PEOPLE = """
WITH numbers AS (SELECT lpad(n::text, 26, '0') AS id FROM generate_series(1, $1::int) AS n),
people AS (
  INSERT INTO users (id, email, password_hash, full_allowance)
  SELECT 'user_' || id, id || '@example.org', '', true FROM numbers RETURNING id)
SELECT count(*) FROM people
"""
SESSIONS = """
INSERT INTO sessions (id, user_id, expires_at)
SELECT replace(id, 'user_', 'session_'), id, now() + interval '1 day' FROM users
"""
LOTS = f"""
INSERT INTO lots (id, user_id, bucket, source, granted, remaining, expires_at, key)
SELECT replace(id, 'user_', 'lot_'), id, 'allowance', 'kinora', {CREDITS}, {CREDITS}, now() + interval '1 day',
  'allowance:' || id FROM users
"""  # noqa: S608 (a constant of ours)

CLIPS = """
WITH numbers AS (
  SELECT u.id AS user_id, 'video_' || lpad(row_number() OVER (ORDER BY u.id, n)::text, 26, '0') AS id
  FROM users u, generate_series(1, $1::int) AS n),
clips AS (
  INSERT INTO generations (id, user_id, variation_of, fingerprint, state, model, served_by, prompt, negative_prompt,
    seconds, generated_seconds, width, height, seed, quality, visibility, metadata, pool, priority, concurrency,
    retention_days, attempt, progress, published_seconds, started_at, claimed_at, completed_at, expires_at)
  SELECT id, user_id, id, '', 'completed', 'kinora-mini', 'kinora-mini',
    'a red ball bounces over green hills at sunset', '',
    5, 5, 320, 192, 7, 'full', 'private', '{}', 'default', 0, 1, 30,
    1, 100, 5, now(), now() - interval '9 seconds', now(), now() + interval '30 days'
  FROM numbers RETURNING id, user_id),
holds AS (
  INSERT INTO holds (generation_id, user_id, credits, settled, state, parts, closed_at)
  SELECT id, user_id, 10, 10, 'settled', '[]', now() FROM clips)
INSERT INTO media (generation_id, variant, key, content_type, bytes, etag)
SELECT id, variant, 'videos/' || id || '/1/' || variant, 'video/mp4', $2, repeat('e', 64)
FROM clips, unnest(ARRAY['video', 'thumbnail', 'spritesheet', 'poster']) AS variant
"""


class SignedInUser(NamedTuple):
    """Somebody signed in, by the ids in the database and the token that opens them."""

    user_id: str
    session_id: str
    lot_id: str
    token: str


async def seed_users(settings: Settings, count: int) -> list[SignedInUser]:
    """So many people, each with a session and credits."""
    connection = await asyncpg.connect(settings.database_url)
    async with connection.transaction():
        await connection.execute(PEOPLE, count)
        await connection.execute(SESSIONS)
        await connection.execute(LOTS)
    await connection.close()
    keyring = Keyring(settings.secret)
    return [_build_user(number, keyring) for number in range(1, count + 1)]


def _build_user(number: int, keyring: Keyring) -> SignedInUser:
    user_id, session_id, lot_id = (f"{kind}_{number:026}" for kind in ("user", "session", "lot"))
    return SignedInUser(user_id, session_id, lot_id, keyring.issue_access_token(user_id, session_id))


async def seed_completed_clips(settings: Settings, each: int, size: int) -> None:
    """So many finished clips for each person, said to have `size` bytes; the files are whoever asks for them."""
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute(CLIPS, each, size)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
