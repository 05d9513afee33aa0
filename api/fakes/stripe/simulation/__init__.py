"""What the account does on its own: payments, invoices and the life of a subscription."""
