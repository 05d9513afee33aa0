"""`make chaos`: kills processes that hold jobs, and audits the ledger afterwards."""
