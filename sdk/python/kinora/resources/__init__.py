"""One module per resource, with a class for each client. Generated from openapi.json by `make sdk`."""
