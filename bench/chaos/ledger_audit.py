"""Checks the tables and files after all jobs have ended, against the responses that the clients received."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from api.sql.connection import Database
from api.storage.local import Storage
from bench.chaos.simulated_users import SimulatedUsers

VIOLATIONS = {
    "a job has not ended": """
        SELECT id
        FROM generations
        WHERE state IN ('queued', 'in_progress')
    """,
    "a job has failed": """
        SELECT id || ' ' || failure
        FROM generations
        WHERE state = 'failed'
    """,
    "an attempt was given up without a reason": """
        SELECT id
        FROM generations
        WHERE state = 'completed'
          AND attempt <> 1 + tries + losses
    """,
    "a job does not have exactly one hold, closed": """
        SELECT g.id
        FROM generations g
        LEFT JOIN holds h ON h.generation_id = g.id
        WHERE h.state IS DISTINCT FROM CASE g.state WHEN 'completed' THEN 'settled' ELSE 'released' END
           OR h.closed_at IS NULL
    """,
    "a job was not charged what it costs": """
        SELECT generation_id
        FROM holds
        JOIN generations g ON g.id = generation_id
        WHERE settled <> CASE g.state WHEN 'completed' THEN credits ELSE 0 END
    """,
    "a hold was not taken once and closed once": """
        SELECT g.id
        FROM generations g
        LEFT JOIN ledger_entries e ON e.generation_id = g.id
        GROUP BY g.id
        HAVING count(DISTINCT e.transfer) FILTER (WHERE e.kind = 'hold') <> 1
            OR count(DISTINCT e.transfer) FILTER (WHERE e.kind IN ('settle', 'release')) <> 1
    """,
    "credits of a job are still held": """
        SELECT generation_id
        FROM ledger_entries
        WHERE account = 'held'
        GROUP BY generation_id
        HAVING sum(amount) <> 0
    """,
    "revenue is not what was settled": """
        SELECT h.generation_id
        FROM holds h
        LEFT JOIN ledger_entries e ON e.generation_id = h.generation_id AND e.account = 'revenue'
        GROUP BY h.generation_id
        HAVING coalesce(sum(e.amount), 0) <> h.settled
    """,
    "a transfer does not sum to zero": """
        SELECT transfer
        FROM ledger_entries
        GROUP BY transfer
        HAVING sum(amount) <> 0
    """,
    "a lot is not the sum of its entries": """
        SELECT l.id
        FROM lots l
        LEFT JOIN ledger_entries e ON e.lot_id = l.id AND e.account = 'available'
        GROUP BY l.id
        HAVING l.remaining <> coalesce(sum(e.amount), 0)
    """,
    "a user's balance is not what was granted less what was settled": """
        SELECT u.id
        FROM users u
        WHERE (SELECT coalesce(sum(remaining), 0) FROM lots WHERE user_id = u.id)
           <> (SELECT coalesce(sum(granted), 0) FROM lots WHERE user_id = u.id)
            - (SELECT coalesce(sum(settled), 0) FROM holds WHERE user_id = u.id)
    """,
    "a completed job does not have four files, or another job has files": """
        SELECT g.id
        FROM generations g
        LEFT JOIN media m ON m.generation_id = g.id
        GROUP BY g.id
        HAVING count(m.key) <> CASE g.state WHEN 'completed' THEN 4 ELSE 0 END
    """,
    "a playlist does not contain each frame exactly once": """
        SELECT g.id
        FROM generations g
        JOIN segments s ON s.generation_id = g.id
        GROUP BY g.id
        HAVING count(*) <> max(s.number) + 1
            OR (g.state = 'completed' AND g.seconds > 0 AND abs(sum(s.seconds) - g.seconds) > 0.05)
    """,
    "a published segment was generated again": """
        SELECT generation_id
        FROM segments
        WHERE discontinuity
    """,
    "a file belongs to another attempt": """
        SELECT m.key
        FROM media m
        JOIN generations g ON g.id = m.generation_id
        WHERE NOT starts_with(m.key, 'videos/' || g.id || '/' || g.attempt || '/')
    """,
}
"""For each statement that must not hold, a query for the rows of which it does."""


class AuditResult(NamedTuple):
    """Jobs by state, attempts, creates whose response was lost, and how many of those were committed."""

    jobs: dict[str, int]
    attempts: int
    cut_off: int
    committed: int
    broken: list[str]


async def audit_books(db: Database, storage: Storage, crowd: SimulatedUsers) -> AuditResult:
    """Compare the tables and files with the responses that the clients received; `broken` describes each difference."""
    states = dict(await db.fetch("SELECT id, state FROM generations ORDER BY state, id"))
    broken = [
        *[
            _describe_violation(statement, [row[0] for row in await db.fetch(query)])
            for statement, query in VIOLATIONS.items()
        ],
        _describe_violation("an accepted job is gone", crowd.clips - states.keys()),
        _describe_violation("there is a job that no client was told of", states.keys() - crowd.clips),
        _describe_violation(
            "a job was cancelled that nobody cancelled, or the reverse",
            crowd.cancelled ^ {video_id for video_id, state in states.items() if state == "cancelled"},
        ),
        _describe_violation("a file is not what the database says it is", await _find_damaged_files(db, storage)),
    ]
    return AuditResult(
        jobs=Counter(states.values()),
        attempts=await db.fetchval("SELECT coalesce(sum(attempt), 0)::bigint FROM generations"),
        cut_off=len(crowd.cut_off),
        committed=await _count_committed(db, crowd.cut_off),
        broken=[sentence for sentence in broken if sentence],
    )


def _describe_violation(broken: str, of: Collection[str]) -> str:
    return f"{broken.capitalize()}: {', '.join(sorted(of)[:3])} ({len(of)} in all)." if of else ""


async def _find_damaged_files(db: Database, storage: Storage) -> list[str]:
    """Keys of files that are missing or differ in size or content from what was recorded."""
    files = await db.fetch("SELECT key, bytes, etag FROM media")
    return [
        file["key"]
        for file in files
        if _read_fingerprint(storage.file_path(file["key"])) != (file["bytes"], file["etag"])
    ]


def _read_fingerprint(path: Path) -> tuple[int, str] | None:
    content = path.read_bytes() if path.is_file() else None
    return None if content is None else (len(content), hashlib.sha256(content).hexdigest())


async def _count_committed(db: Database, cut_off: dict[str, float]) -> int:
    """Count the creates that were committed although their response was lost."""
    count: int = await db.fetchval(
        """
        SELECT count(*)
        FROM idempotency
        JOIN unnest($1::text[], $2::float8[]) AS lost(key, at) USING (key)
        WHERE extract(epoch FROM created_at) < at
        """,
        list(cut_off),
        list(cut_off.values()),
    )
    return count
