-- The LoRAs a clip is made with, by the names they had here, each with its weight.
ALTER TABLE generations ADD COLUMN loras jsonb NOT NULL DEFAULT '[]';
