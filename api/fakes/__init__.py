"""The twins of outside systems, each reached as the real one is."""
