"""Request and response bodies: one Struct for each."""
