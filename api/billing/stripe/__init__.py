"""Stripe as we use it: the one client of its library, the objects we read, what we create there."""
