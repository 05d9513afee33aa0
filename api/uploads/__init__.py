"""Files from users: received whole or in parts, checked and re-encoded in a sandbox."""
