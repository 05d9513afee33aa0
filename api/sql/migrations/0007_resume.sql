-- Whether a piece was made by an attempt that could not go on from the piece before it, so that players must be told.
ALTER TABLE segments ADD COLUMN discontinuity boolean NOT NULL DEFAULT false;
