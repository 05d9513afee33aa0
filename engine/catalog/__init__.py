"""The catalog of models: abilities, sizes and sampling settings of each, as data. No torch."""
