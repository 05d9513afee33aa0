-- What a failure is about, where its code alone does not say it: which LoRA, and why.
ALTER TABLE generations ADD COLUMN failure_detail text;
