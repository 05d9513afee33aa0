-- What is published is what pieces say: a clip that was made before they were kept has no stream to name.
UPDATE generations g SET published_seconds = 0
    WHERE published_seconds > 0 AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.generation_id = g.id);
