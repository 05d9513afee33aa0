"""Kinora's engine: from a sentence to a film, with no idea of the web, a database or a queue.

It imports nothing, so that `engine.types`, `engine.catalog.registry` and `engine.planning.timeline` cost the web
process nothing.
"""
