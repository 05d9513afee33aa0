"""From the OpenAPI document to the Python SDK. What comes of it lies in `python/`."""
