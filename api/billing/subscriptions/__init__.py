"""Checkouts, plan changes, and the copies of Stripe's subscriptions."""
