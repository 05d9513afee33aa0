"""One request under way: planned, sampled, decoded, written, resumed."""
