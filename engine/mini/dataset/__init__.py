"""The world the bundled model has seen: drawn clips, and sentences about them."""
