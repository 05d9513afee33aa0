"""Redis: events for watchers and wake-ups for workers. PostgreSQL holds the state."""
