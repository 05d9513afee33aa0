"""One module per resource: its shape, and what its routes do."""
