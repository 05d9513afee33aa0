"""The wire: one Struct for each body and answer."""
