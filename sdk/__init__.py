"""Generates the Python SDK in `python/` from the OpenAPI document, and finds changes that break released clients."""
