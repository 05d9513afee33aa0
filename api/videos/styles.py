"""The built-in styles, as data: words added to a prompt and to a negative prompt."""

from __future__ import annotations

from typing import NamedTuple


class Style(NamedTuple):
    """What a style adds to a prompt. `image` is a PNG whose look a clip starts from, where it has one."""

    name: str
    prompt: str
    negative_prompt: str = ""
    image: bytes | None = None

    def extend_prompt(self, prompt: str) -> str:
        """The prompt followed by the style's words."""
        return f"{prompt.rstrip().rstrip('.')}. {self.prompt}" if self.prompt else prompt

    def extend_negative_prompt(self, negative_prompt: str) -> str:
        """The negative prompt followed by the style's."""
        return ", ".join(filter(None, (negative_prompt, self.negative_prompt)))


BUILT_IN = {
    "none": Style("None", ""),
    "archival": Style(
        "Archival",
        "Archival footage on 16 mm film: faded colours, soft focus, visible grain, light leaks, an unsteady frame",
        "crisp digital picture, saturated colours",
    ),
    "film_noir": Style(
        "Film noir",
        "Film noir in black and white: hard light from one side, deep shadows, wet streets, smoke, low camera",
        "colour, flat lighting",
    ),
    "papercraft": Style(
        "Cardboard and papercraft",
        "Everything built of cardboard and cut paper: visible folds and edges, layered like a small stage",
        "photographic textures, glossy surfaces",
    ),
    "stop_motion": Style(
        "Stop motion",
        "Stop-motion animation with modelled figures: clay textures, small jumps from frame to frame, a table-top set",
        "motion blur, smooth motion",
    ),
    "flip_book": Style(
        "Flip book",
        "Drawn in pencil on the pages of a flip book: loose outlines that tremble, paper grain, hatched shadows",
        "photographic picture, solid colours",
    ),
    "magic_lantern": Style(
        "Magic lantern",
        "A painted glass slide in a magic lantern: glowing translucent colours, a round vignette, dust in the light",
        "hard digital edges, daylight",
    ),
}
"""By the id that a request gives as `preset`."""
NO_STYLE = BUILT_IN["none"]
