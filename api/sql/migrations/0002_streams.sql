-- What of a clip can be watched while it is made, in the order of the clip. The bytes lie in storage under
-- `streams/<generation>/`: a piece as `<number>.m4s`, and as `<head>.mp4` what players read before it.
CREATE TABLE segments (
    generation_id text NOT NULL REFERENCES generations ON DELETE CASCADE,
    number        integer NOT NULL CHECK (number >= 0),
    attempt       integer NOT NULL,
    head          text NOT NULL,
    seconds       real NOT NULL CHECK (seconds > 0),
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation_id, number)
);
