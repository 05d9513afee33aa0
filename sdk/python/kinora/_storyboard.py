"""Builds a storyboard card by card: what is shown, for how long, and how one shot leads to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinora._files import File
    from kinora.types import StoryboardCard, Video


class Storyboard:
    """Cards one after the other on a timeline.

        story = Storyboard().show("a harbour at dawn", seconds=3).cut("the same at night", seconds=3)
        client.videos.create(prompt="a harbour", **story.arguments)

    `show` continues from the shot before; `cut` begins a new shot. `image` and `clip` place an existing image or
    video at the current second.
    """

    def __init__(self) -> None:
        self._cards: list[StoryboardCard] = []
        self._position = 0.0

    @property
    def seconds(self) -> float:
        """Its length so far."""
        return self._position

    def show(self, prompt: str, *, seconds: float) -> Storyboard:
        """Show this prompt for so many seconds, continuing from the shot before."""
        return self._add_card(seconds, prompt=prompt)

    def cut(self, prompt: str, *, seconds: float) -> Storyboard:
        """Show this prompt for so many seconds, after a cut."""
        if self._cards and self._cards[-1].prompt is not None:
            self._cards[-1].until = self._position
        return self._add_card(seconds, prompt=prompt)

    def image(self, file: File) -> Storyboard:
        """Use this image as the frame at the current second."""
        return self._add_card(0.0, upload=file)

    def clip(self, video: Video | str, *, seconds: float) -> Storyboard:
        """Insert this video unchanged; `seconds` is its length."""
        return self._add_card(seconds, video=video)

    def _add_card(self, seconds: float, **fields: Any) -> Storyboard:
        from kinora.types import StoryboardCard

        if seconds < 0:
            raise ValueError("The seconds of a card must not be negative.")
        self._cards.append(StoryboardCard(at=self._position, **fields))
        self._position += seconds
        return self

    @property
    def cards(self) -> list[StoryboardCard]:
        """The cards as `videos.create(storyboard=…)` takes them."""
        return list(self._cards)

    @property
    def arguments(self) -> dict[str, Any]:
        """`storyboard` and `seconds` (rounded up) for `videos.create(prompt=…, **story.arguments)`."""
        return {"storyboard": self.cards, "seconds": -int(-self._position // 1)}
