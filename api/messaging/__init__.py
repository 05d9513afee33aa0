"""Redis: events for those who watch, wake-ups for those who work. Nothing here is the truth."""
