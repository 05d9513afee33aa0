"""The engine as a child process: the worker's side, the child's side, and the protocol between them."""
