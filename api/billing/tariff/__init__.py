"""The tariff: plans, packs, overage and prices of work, from one file."""
