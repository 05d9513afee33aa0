"""The operations of the studio as SQL rows store them: one tagged Struct for each."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct, field

from engine.planning.operations import Curve, Direction, Length
from engine.types import Strength


class StoredOperation(Struct, frozen=True):
    """The base of all operations."""

    @property
    def name(self) -> str:
        """The operation's name in the model catalog, which is also its tag."""
        return str(self.__struct_config__.tag)


class Remix(StoredOperation, frozen=True, tag="remix"):
    """Made again from a noised copy."""

    strength: Strength


class Edit(StoredOperation, frozen=True, tag="edit"):
    """Changed where the prompt says otherwise than `was`, which the source video was made from."""

    strength: Strength
    was: str


class Extension(StoredOperation, frozen=True, tag="extend"):
    """So many seconds more."""

    seconds: float
    direction: Direction


class Recut(StoredOperation, frozen=True, tag="recut"):
    """Stretches (from, to) in seconds that stay."""

    keep: tuple[tuple[float, float], ...]


class Blend(StoredOperation, frozen=True, tag="blend"):
    """From one video to another; `prompts` are theirs where the clip has none of its own."""

    curve: Curve
    prompts: tuple[str, str] | None


class Loop(StoredOperation, frozen=True, tag="loop"):
    """From its end to its beginning; without a source video, a new clip that does so."""

    length: Length


class StoredCard(Struct, frozen=True):
    """A card of a storyboard: a prompt, or the number of a source video. Cards with an image are stored as images."""

    at: float
    until: float | None = None
    prompt: str = ""
    source: int | None = field(default=None, name="film")


class Storyboard(StoredOperation, frozen=True, tag="storyboard"):
    """Prompts and source videos on one timeline."""

    cards: tuple[StoredCard, ...] = field(name="shots")
    loop: bool


Operation: TypeAlias = Remix | Edit | Extension | Recut | Blend | Loop | Storyboard
