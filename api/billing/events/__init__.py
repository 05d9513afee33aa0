"""Stripe's events, from the webhook to what they do here, and the usage that is reported back."""
