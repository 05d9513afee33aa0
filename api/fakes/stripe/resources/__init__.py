"""One module for each API resource: the shape of its objects and its routes."""
