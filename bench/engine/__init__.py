"""What `make bench` measures of the engine: windows, long clips, turbo, estimates, the transformer on a GPU."""
