"""Why an uploaded file is refused. The sentences that its sender reads are made where its language is known."""

from __future__ import annotations

from typing import Literal, TypeAlias

Reason: TypeAlias = Literal["format", "codec", "damaged", "pixels", "seconds", "frames", "empty", "resized"]


class MediaRefused(Exception):
    """A refused file: the reason, the value found and the limit, or the name of what was found."""

    def __init__(self, reason: Reason, found: float = 0, limit: float = 0, name: str = "") -> None:
        super().__init__(reason, found, limit, name)
        self.reason, self.found, self.limit, self.name = reason, found, limit, name
