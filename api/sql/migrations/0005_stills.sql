-- A picture is a clip of no length.
ALTER TABLE generations DROP CONSTRAINT generations_seconds_check, ADD CHECK (seconds >= 0);
