"""From a request to windows of frames. Pure arithmetic."""
