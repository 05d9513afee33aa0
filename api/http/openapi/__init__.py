"""The OpenAPI document, from what the routes and the Structs declare."""
