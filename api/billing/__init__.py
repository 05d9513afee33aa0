"""Plans, prices, the credit ledger, and payments through Stripe. Knows no HTTP."""
