"""The backend on one machine: embedded PostgreSQL and Redis, the fake Stripe, the supervisor, the demo, the doctor."""
