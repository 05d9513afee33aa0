"""How money moves: cards, payments, invoices, and the life of a subscription."""
