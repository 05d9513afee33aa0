-- Styles of one's own. A picture's bytes lie in storage under `presets/<id>.png`. What a clip was made with stands in
-- its own row, so that a preset may change or go.
CREATE TABLE presets (
    id              text PRIMARY KEY,
    user_id         text NOT NULL REFERENCES users ON DELETE CASCADE,
    name            text NOT NULL,
    prompt          text NOT NULL,
    negative_prompt text NOT NULL,
    pictured        boolean NOT NULL,
    shared          boolean NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX presets_user ON presets (user_id, id);
ALTER TABLE generations ADD COLUMN revised_prompt text, ADD COLUMN preset text;
