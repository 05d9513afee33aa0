"""Stripe: the one client of its library, the objects we read, and what we create and change there."""
