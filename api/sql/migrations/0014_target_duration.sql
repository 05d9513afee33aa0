-- How often a player of the growing playlist looks again: chosen with the first segment, since it may never change.
ALTER TABLE generations ADD COLUMN target_duration integer;
