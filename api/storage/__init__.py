"""Storage of media files."""
