"""Kinora's engine generates videos from text. It knows no web, database or queue.

It imports nothing, so that `engine.types`, `engine.catalog.registry` and `engine.planning.timeline` stay cheap for the
web process.
"""
