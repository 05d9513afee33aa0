-- Which version of a plan somebody bought (null: the newest), and how many credits of a period they allow to be used
-- above what is there (null: none).
ALTER TABLE users
    ADD COLUMN plan_version integer CHECK (plan_version > 0),
    ADD COLUMN overage_cap bigint CHECK (overage_cap > 0);

-- Where a lot came from: what we give, or what was bought through a shop, whose invoice and payment are known by their
-- names there. `owed` is what a clawback, or a lowered line of overage, could not take yet: credits that a hold gives
-- back are taken first. A line of overage is a lot whose `granted` is its cap.
UPDATE lots SET source = 'kinora';
ALTER TABLE lots
    ADD CHECK (source IN ('kinora', 'stripe', 'apple', 'google')),
    ADD COLUMN invoice text,
    ADD COLUMN payment text,
    ADD COLUMN owed bigint NOT NULL DEFAULT 0 CHECK (owed >= 0),
    ADD CHECK (owed = 0 OR remaining = 0);
CREATE INDEX lots_payment ON lots (payment) WHERE payment IS NOT NULL;
DROP INDEX lots_expiring;
CREATE INDEX lots_expiring ON lots (expires_at) WHERE remaining > 0 OR (bucket = 'overage' AND granted > 0);

-- What a refund or a dispute, by its name at the shop, takes back of a lot in all, and how much of it is taken so far.
CREATE TABLE clawbacks (
    claim      text NOT NULL,
    lot_id     text NOT NULL REFERENCES lots,
    kind       text NOT NULL CHECK (kind IN ('refund', 'dispute')),
    due        bigint NOT NULL CHECK (due >= 0),
    taken      bigint NOT NULL CHECK (taken >= 0 AND taken <= due),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (claim, lot_id)
);
CREATE INDEX clawbacks_lot ON clawbacks (lot_id);

-- Credits taken back go to the account `returned`.
ALTER TABLE ledger_entries
    DROP CONSTRAINT ledger_entries_account_check,
    ADD CHECK (account IN ('available', 'held', 'revenue', 'granted', 'expired', 'returned')),
    ADD COLUMN invoice text,
    ADD COLUMN claim text;
CREATE INDEX ledger_entries_lot ON ledger_entries (lot_id);

-- Overage that was charged, to be told to the shop once. The entry is the one on the account `revenue`.
CREATE TABLE meter_events (
    entry_id      text PRIMARY KEY REFERENCES ledger_entries,
    user_id       text NOT NULL REFERENCES users,
    credits       bigint NOT NULL CHECK (credits > 0),
    occurred_at   timestamptz NOT NULL DEFAULT now(),
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'refused', 'unclear')),
    tries         integer NOT NULL DEFAULT 0,
    not_before    timestamptz NOT NULL DEFAULT now(),
    first_sent_at timestamptz,
    sent_at       timestamptz,
    error         text
);
CREATE INDEX meter_events_due ON meter_events (not_before) WHERE state IN ('waiting', 'unclear');
CREATE INDEX meter_events_user ON meter_events (user_id, occurred_at);

-- Whether a clip carries the visible mark, and whether it waits in the relaxed queue, as its plan said when it was asked
-- for.
ALTER TABLE generations
    ADD COLUMN marked boolean NOT NULL DEFAULT false,
    ADD COLUMN relaxed boolean NOT NULL DEFAULT false;
