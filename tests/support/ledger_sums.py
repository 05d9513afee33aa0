"""Sums over one person's ledger, and all its rows, for tests that compare them with a model."""

from __future__ import annotations

SUMS = """
    WITH mine AS (
        SELECT *
        FROM ledger_entries
        WHERE user_id = $1
    ),
    sums AS (
        SELECT account, sum(amount)::bigint AS amount
        FROM mine
        GROUP BY account
    ),
    drift AS (
        SELECT lots.id
        FROM lots
        LEFT JOIN mine ON mine.lot_id = lots.id AND mine.account = 'available'
        WHERE lots.user_id = $1
        GROUP BY lots.id, lots.remaining
        HAVING lots.remaining <> coalesce(sum(mine.amount), 0)
    ),
    claims AS (
        SELECT clawbacks.lot_id, sum(clawbacks.due - clawbacks.taken) AS untaken, sum(clawbacks.taken) AS taken
        FROM clawbacks
        JOIN lots ON lots.id = clawbacks.lot_id
        WHERE lots.user_id = $1
        GROUP BY clawbacks.lot_id
    )
    SELECT
        (SELECT count(*) FROM (SELECT 1 FROM mine GROUP BY transfer HAVING sum(amount) <> 0) AS uneven) AS uneven,
        (SELECT coalesce(sum(amount), 0)::bigint FROM mine) AS total,
        (SELECT count(*) FROM drift) AS drifted,
        coalesce((SELECT amount FROM sums WHERE account = 'available'), 0) AS available,
        coalesce((SELECT amount FROM sums WHERE account = 'held'), 0) AS held,
        coalesce((SELECT amount FROM sums WHERE account = 'revenue'), 0) AS revenue,
        (SELECT coalesce(sum(credits), 0)::bigint FROM meter_events WHERE user_id = $1) AS metered,
        (
            SELECT count(*)
            FROM claims
            JOIN lots ON lots.id = claims.lot_id
            WHERE lots.owed <> claims.untaken
                OR claims.taken <> (
                    SELECT coalesce(sum(amount), 0)
                    FROM mine
                    WHERE account = 'returned' AND lot_id = lots.id
                )
        ) AS untaken
"""
"""One row that is zero where the books are right, and the sums of each account."""

ROWS = """
    SELECT 'lot', id, remaining, owed, granted, NULL FROM lots WHERE user_id = $1
    UNION ALL
    SELECT 'entry', id, amount, NULL, NULL, key FROM ledger_entries WHERE user_id = $1
    UNION ALL
    SELECT 'claim', claim, due, taken, NULL, lot_id
    FROM clawbacks
    WHERE lot_id IN (SELECT id FROM lots WHERE user_id = $1)
    UNION ALL
    SELECT 'meter', entry_id, credits, NULL, NULL, state FROM meter_events WHERE user_id = $1
    UNION ALL
    SELECT 'hold', generation_id, credits, settled, NULL, state FROM holds WHERE user_id = $1
    ORDER BY 1, 2
"""
"""Every row that the ledger has of a person."""
