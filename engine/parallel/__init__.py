"""Several GPUs for one clip."""
