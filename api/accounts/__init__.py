"""People, and the passwords, sessions and API keys that open their accounts."""
