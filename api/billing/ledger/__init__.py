"""Credits: a double-entry ledger of lots, holds and what settles them. Knows nothing of Stripe."""
