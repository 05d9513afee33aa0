"""Checks and marks every frame before it leaves: frame rules and the visible watermark."""
