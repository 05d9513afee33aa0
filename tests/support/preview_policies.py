"""Preview policies for tests."""

from __future__ import annotations

from typing import Final

from engine.runtime.preview import PreviewPolicy

ALWAYS: Final = PreviewPolicy(min_seconds_left=0.0, max_share=9.0)
"""Previews every window at both moments, whatever that costs."""
