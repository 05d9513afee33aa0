-- Files that are sent in before they are used, whole or in parts. Their bytes lie in storage under `uploads/<id>/`:
-- `received` of them are durable, whatever else stands behind those in the file.
CREATE TABLE uploads (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
    filename   text NOT NULL,
    metadata   text NOT NULL,
    bytes      bigint NOT NULL CHECK (bytes >= 0),
    received   bigint NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND bytes),
    status     text NOT NULL DEFAULT 'receiving' CHECK (status IN ('receiving', 'ready', 'refused')),
    kind       text CHECK (kind IN ('image', 'video')),
    width      integer,
    height     integer,
    seconds    double precision,
    code       text,
    reason     text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CHECK (status <> 'ready' OR (kind IS NOT NULL AND received = bytes)),
    CHECK ((status = 'refused') = (reason IS NOT NULL))
);
CREATE INDEX uploads_user ON uploads (user_id, id);
CREATE INDEX uploads_age ON uploads (expires_at);
