"""Money: plans, prices and the ledger. Knows no HTTP."""
