"""Stripe's events, from the webhook to their effects, and the usage that is reported back."""
