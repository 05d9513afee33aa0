-- Whether a piece was made by an attempt that could not go on from the piece before it, so that players must be told.
ALTER TABLE segments ADD COLUMN discontinuity boolean NOT NULL DEFAULT false;

-- The latest guess at what a clip will show, until there is something better: its file under `streams/<generation>/`,
-- and the second of the clip that it shows.
ALTER TABLE generations ADD COLUMN preview text, ADD COLUMN preview_at double precision;
