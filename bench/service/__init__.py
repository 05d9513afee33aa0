"""What `make bench` measures of the API: creates, claims, reads, downloads, event streams, the SDK."""
