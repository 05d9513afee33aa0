"""Where media is kept."""
