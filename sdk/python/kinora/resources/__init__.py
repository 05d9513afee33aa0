"""One module per resource, sync and async from one template. Generated from openapi.json by `make sdk`."""
