"""A video from its request to its renditions: what is asked, priced, queued, streamed, kept and listed."""
