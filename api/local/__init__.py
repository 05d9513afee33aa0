"""What one machine brings for itself: PostgreSQL, Redis, the fake of Stripe, the demo and the doctor."""
