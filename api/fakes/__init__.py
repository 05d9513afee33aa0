"""Fakes of external systems, each reached as the real one is."""
