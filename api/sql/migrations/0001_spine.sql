-- Accounts, generations and the ledger. Ids are `<kind>_<ULID>`, so their order is the order of creation.

CREATE TABLE users (
    id             text PRIMARY KEY,
    email          text NOT NULL,
    password_hash text NOT NULL,
    name          text NOT NULL DEFAULT '',
    locale        text NOT NULL DEFAULT 'en',
    plan          text NOT NULL DEFAULT 'free',
    verified_at   timestamptz,
    full_allowance boolean NOT NULL,
    suspended_at  timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

-- A session is one family of refresh tokens: one device that signed in.
CREATE TABLE sessions (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
    user_agent text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE revoked_at IS NULL;

CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,
    session_id text NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text NOT NULL,
    hash       bytea NOT NULL UNIQUE,
    hint       text NOT NULL,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_user ON api_keys (user_id) WHERE revoked_at IS NULL;

-- The first answer to a request that named an Idempotency-Key, kept 24 hours.
CREATE TABLE idempotency (
    user_id     text NOT NULL REFERENCES users ON DELETE CASCADE,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    status      smallint NOT NULL,
    headers     jsonb NOT NULL,
    body        bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE generations (
    id                text PRIMARY KEY,
    user_id           text NOT NULL REFERENCES users ON DELETE CASCADE,
    variation_of      text NOT NULL,
    fingerprint       bytea NOT NULL,
    kind              text NOT NULL DEFAULT 'video',
    state             text NOT NULL DEFAULT 'queued'
                      CHECK (state IN ('queued', 'in_progress', 'completed', 'failed', 'cancelled')),
    model             text NOT NULL,
    served_by         text NOT NULL,
    prompt            text NOT NULL,
    negative_prompt   text NOT NULL,
    seconds           integer NOT NULL CHECK (seconds > 0),
    width             integer NOT NULL,
    height            integer NOT NULL,
    seed              bigint NOT NULL,
    quality           text NOT NULL,
    visibility        text NOT NULL,
    metadata          jsonb NOT NULL,

    pool              text NOT NULL,
    priority          smallint NOT NULL,
    concurrency       smallint NOT NULL,
    retention_days    integer NOT NULL,

    attempt           integer NOT NULL DEFAULT 0,
    tries             integer NOT NULL DEFAULT 0,
    losses            integer NOT NULL DEFAULT 0,
    worker            text,
    lease_until       timestamptz,
    not_before        timestamptz NOT NULL DEFAULT now(),
    progress          real NOT NULL DEFAULT 0,
    eta_seconds       real,
    published_seconds real NOT NULL DEFAULT 0,
    failure           text,

    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    started_at        timestamptz,
    claimed_at        timestamptz,
    completed_at      timestamptz,
    expires_at        timestamptz,
    deleted_at        timestamptz,
    purged_at         timestamptz,
    CHECK ((state = 'in_progress') = (lease_until IS NOT NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX generations_user ON generations (user_id, id) WHERE deleted_at IS NULL;
CREATE INDEX generations_variations ON generations (variation_of);
CREATE INDEX generations_retry ON generations (user_id, fingerprint, id);
CREATE INDEX generations_queued ON generations (pool, priority DESC, id) WHERE state = 'queued';
CREATE INDEX generations_running ON generations (lease_until) WHERE state = 'in_progress';
CREATE INDEX generations_recent ON generations (completed_at) WHERE state = 'completed';
-- Not by state: with the queue empty when statistics were taken, it would look as good a way into the queue.
CREATE INDEX generations_active ON generations (user_id) WHERE completed_at IS NULL;
CREATE INDEX generations_expiry ON generations (expires_at) WHERE purged_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX generations_deleted ON generations (deleted_at) WHERE purged_at IS NULL AND deleted_at IS NOT NULL;
CREATE INDEX generations_fruitless ON generations (completed_at)
    WHERE purged_at IS NULL AND state IN ('failed', 'cancelled');

-- Pictures a clip must pass through. The bytes lie in storage under `key`.
CREATE TABLE conditions (
    generation_id text NOT NULL REFERENCES generations ON DELETE CASCADE,
    position      smallint NOT NULL,
    key           text NOT NULL,
    frame         integer NOT NULL,
    strength      real NOT NULL DEFAULT 1,
    resize        text NOT NULL,
    PRIMARY KEY (generation_id, position)
);

CREATE TABLE media (
    generation_id text NOT NULL REFERENCES generations ON DELETE CASCADE,
    variant       text NOT NULL CHECK (variant IN ('video', 'thumbnail', 'spritesheet', 'poster')),
    key           text NOT NULL,
    content_type  text NOT NULL,
    bytes         bigint NOT NULL,
    etag          text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation_id, variant)
);

-- A lot is credits that came together and leave together: one month's allowance, one pack.
CREATE TABLE lots (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users,
    bucket     text NOT NULL CHECK (bucket IN ('allowance', 'purchased', 'overage')),
    source     text NOT NULL,
    granted    bigint NOT NULL,
    remaining  bigint NOT NULL CHECK (remaining >= 0 AND remaining <= granted),
    expires_at timestamptz,
    key        text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX lots_user ON lots (user_id, expires_at);
CREATE INDEX lots_expiring ON lots (expires_at) WHERE remaining > 0;

-- What a generation has set aside, and from which lots: `parts` is [{lot, bucket, amount}] in the order taken.
CREATE TABLE holds (
    generation_id text PRIMARY KEY REFERENCES generations,
    user_id       text NOT NULL REFERENCES users,
    credits       bigint NOT NULL CHECK (credits >= 0),
    settled       bigint NOT NULL DEFAULT 0 CHECK (settled >= 0 AND settled <= credits),
    state         text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'settled', 'released')),
    parts         jsonb NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    closed_at     timestamptz
);
CREATE INDEX holds_open ON holds (user_id) WHERE state = 'held';

-- Double entry: the legs of one transfer share `transfer` and sum to zero. Rows are only ever added.
-- Accounts: available (what the user may spend, by bucket), held, revenue, granted, expired.
CREATE TABLE ledger_entries (
    id            text PRIMARY KEY,
    transfer      text NOT NULL,
    key           text NOT NULL UNIQUE,
    user_id       text NOT NULL REFERENCES users,
    account       text NOT NULL CHECK (account IN ('available', 'held', 'revenue', 'granted', 'expired')),
    bucket        text NOT NULL CHECK (bucket IN ('allowance', 'purchased', 'overage')),
    kind          text NOT NULL CHECK (kind IN
                  ('grant', 'purchase', 'hold', 'settle', 'release', 'expire', 'refund', 'dispute')),
    amount        bigint NOT NULL,
    lot_id        text NOT NULL REFERENCES lots,
    generation_id text REFERENCES generations,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ledger_entries_user ON ledger_entries (user_id, id) WHERE account = 'available';
