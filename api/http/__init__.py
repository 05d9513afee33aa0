"""What every route shares of HTTP: who asks, how often, how a body is read and an answer or a problem is given."""
