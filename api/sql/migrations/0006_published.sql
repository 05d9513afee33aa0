-- What of a clip can be watched and was made for it, apart from what is kept from films: a cancel charges for that.
ALTER TABLE generations ADD COLUMN published_generated double precision NOT NULL DEFAULT 0;
UPDATE generations SET published_generated = published_seconds;
