"""The real model classes with tiny random weights."""
