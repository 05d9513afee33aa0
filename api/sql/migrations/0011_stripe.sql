-- What is sold through Stripe. Ids of Stripe's are plain text; what they mean is read from Stripe, never from an event.
ALTER TABLE users
    ADD COLUMN stripe_customer text UNIQUE,
    ADD COLUMN trialled_at     timestamptz; -- a trial is given once

-- A subscription as Stripe last showed it. A user's second live one is found, cancelled and paid back, not forbidden
-- here: the money has been taken by then.
CREATE TABLE subscriptions (
    id           text PRIMARY KEY,
    user_id      text NOT NULL REFERENCES users ON DELETE CASCADE,
    source       text NOT NULL DEFAULT 'stripe' CHECK (source IN ('stripe', 'apple', 'google')),
    plan         text NOT NULL,
    version      integer NOT NULL,
    status       text NOT NULL,
    item         text,
    metered_item text,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    trial_end    timestamptz,
    cancel_at    timestamptz,
    next_plan    text,
    next_version integer,
    schedule     text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    synced_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subscriptions_user ON subscriptions (user_id, created_at);

-- A page at which somebody may pay. The row comes before the page, so that a second request finds it, whatever became
-- of the first: its id is the key under which the page is made.
CREATE TABLE checkouts (
    id          text PRIMARY KEY,
    user_id     text NOT NULL REFERENCES users ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('subscription', 'pack')),
    item        text NOT NULL,
    version     integer NOT NULL,
    quantity    integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
    trial_days  integer NOT NULL DEFAULT 0,
    locale      text NOT NULL,
    success_url text NOT NULL,
    cancel_url  text,
    session     text UNIQUE,
    url         text,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'completed', 'expired')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz
);
CREATE UNIQUE INDEX checkouts_open ON checkouts (user_id, kind) WHERE state = 'open';

-- Events received, each once. They say what to look at; what to write is read from Stripe then.
CREATE TABLE stripe_events (
    id          text PRIMARY KEY,
    type        text NOT NULL,
    object_type text NOT NULL,
    object_id   text NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    applied_at  timestamptz,
    tries       integer NOT NULL DEFAULT 0,
    not_before  timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    error       text
);
CREATE INDEX stripe_events_due ON stripe_events (not_before) WHERE applied_at IS NULL;

-- What is done once a day or so, by whichever worker comes first.
CREATE TABLE chores (
    name    text PRIMARY KEY,
    done_at timestamptz NOT NULL
);
