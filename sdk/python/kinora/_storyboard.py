"""A storyboard, written as one tells it: what is seen, for how long, and how one thing becomes the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinora._request_body import File
    from kinora.types import StoryboardCard, Video


class Storyboard:
    """Cards laid one after the other.

        story = Storyboard().show("a harbour at dawn", seconds=3).cut("the same at night", seconds=3)
        client.videos.create(prompt="a harbour", **story.arguments)

    `show` lets a thing grow out of the one before it; `cut` begins it at once. `image` and `clip` put something
    that exists at the present second.
    """

    def __init__(self) -> None:
        self._cards: list[StoryboardCard] = []
        self._now = 0.0

    @property
    def seconds(self) -> float:
        """How long it is so far."""
        return self._now

    def show(self, prompt: str, *, seconds: float) -> Storyboard:
        """See this for so many seconds; it grows out of what was seen before."""
        return self._add(seconds, prompt=prompt)

    def cut(self, prompt: str, *, seconds: float) -> Storyboard:
        """See this for so many seconds, after a cut."""
        if self._cards and self._cards[-1].prompt is not None:
            self._cards[-1].until = self._now
        return self._add(seconds, prompt=prompt)

    def image(self, file: File) -> Storyboard:
        """Pass through this image at the present second."""
        return self._add(0.0, upload=file)

    def clip(self, video: Video | str, *, seconds: float) -> Storyboard:
        """Keep this video as it is; `seconds` is its length."""
        return self._add(seconds, video=video)

    def _add(self, seconds: float, **what: Any) -> Storyboard:
        from kinora.types import StoryboardCard

        if seconds < 0:
            raise ValueError("A card's seconds cannot be negative.")
        self._cards.append(StoryboardCard(at=self._now, **what))
        self._now += seconds
        return self

    @property
    def cards(self) -> list[StoryboardCard]:
        """The cards as `videos.create(storyboard=…)` takes them."""
        return list(self._cards)

    @property
    def arguments(self) -> dict[str, Any]:
        """`storyboard` and `seconds` (rounded up to a whole one), for `videos.create(prompt=…, **story.arguments)`."""
        return {"storyboard": self.cards, "seconds": -int(-self._now // 1)}
