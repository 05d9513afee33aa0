"""The tables of credits: users as the ledger locks them, lots, holds, entries, clawbacks."""
