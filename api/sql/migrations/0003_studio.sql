-- Clips made from clips: what is done, from which of the user's, and the films themselves, which the clip keeps a
-- link to, so that it can be made whatever becomes of the clips they were.
ALTER TABLE generations
    ADD COLUMN operation jsonb,
    ADD COLUMN parents text[] NOT NULL DEFAULT '{}',
    ADD COLUMN generated_seconds double precision,
    ALTER COLUMN seconds TYPE double precision;
UPDATE generations SET generated_seconds = seconds;
ALTER TABLE generations ALTER COLUMN generated_seconds SET NOT NULL;

CREATE TABLE films (
    generation_id text NOT NULL REFERENCES generations ON DELETE CASCADE,
    position      smallint NOT NULL,
    key           text NOT NULL,
    seconds       double precision NOT NULL CHECK (seconds > 0),
    PRIMARY KEY (generation_id, position)
);
