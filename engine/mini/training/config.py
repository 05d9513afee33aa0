"""Sizes of the model and of its training data: one configuration for a laptop, one for a large GPU.

The first stage writes its configuration into the work folder; the others read it there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

SPAN: Final = 8  # frames that a latent stands for; the first one of a clip stands for one
FILE: Final = "recipe.json"


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Sizes in pixels are multiples of `cell`, the pixels a side that one latent stands for.

    `shapes` are (width, height), as often as they are trained. `encoder` and `decoder` are the widths of the
    autoencoder from fine to coarse. A step of the autoencoder learns from two crops of `crop` pixels a side of
    each of `clips` clips and `pictures` pictures, a step of the transformer from `tokens` latents.
    """

    cell: int
    shapes: tuple[tuple[int, int], ...]
    channels: int
    encoder: tuple[int, int, int, int]
    decoder: tuple[int, int, int]
    layers: int
    heads: int
    crop: int
    clips: int
    pictures: int
    tokens: int

    def write(self, work: Path) -> None:
        (work / FILE).write_text(json.dumps(asdict(self)) + "\n")

    @staticmethod
    def read(work: Path) -> TrainingConfig:
        """The configuration of a work folder."""
        return TrainingConfig(
            **{name: _to_tuples(value) for name, value in json.loads((work / FILE).read_text()).items()}
        )


def _to_tuples(value: Any) -> Any:
    """JSON knows lists only."""
    return tuple(map(_to_tuples, value)) if isinstance(value, list) else value


RECIPES: Final = {
    # Two cores: hours. What ships.
    "small": TrainingConfig(
        cell=16,
        shapes=((160, 96),) * 4 + ((96, 160), (128, 128)),
        channels=48,
        encoder=(24, 48, 96, 192),
        decoder=(48, 96, 192),
        layers=6,
        heads=6,
        crop=64,
        clips=3,
        pictures=4,
        tokens=4320,  # twelve whole clips
    ),
    # A large card: half an hour. Latents stand for four times the pixels, so sampling costs no more.
    "large": TrainingConfig(
        cell=32,
        shapes=((320, 192),) * 4 + ((192, 320), (256, 256)),
        channels=96,
        encoder=(48, 96, 128, 192),
        decoder=(64, 128, 192),
        layers=8,
        heads=8,
        crop=128,
        clips=16,
        pictures=64,
        tokens=92_160,  # 256 whole clips
    ),
}
SMALL: Final = RECIPES["small"]
