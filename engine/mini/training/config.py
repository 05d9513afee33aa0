"""Sizes of the model and of its training data: one configuration for a laptop, one for a large GPU.

The first stage writes its configuration into the work folder; the others read it there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from engine.mini.dataset.scenes import count_frames

if TYPE_CHECKING:
    from pathlib import Path

SPAN: Final = 8  # frames that a latent stands for; the first one of a clip stands for one
FILE: Final = "recipe.json"


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Sizes in pixels are multiples of `cell`, the side in pixels of the square that one latent stands for.

    `spacing` is the distance of neighbouring latents in the transformer's coordinates: `cell`, unless the transformer
    goes on from one with smaller cells. Clips have `fps` frames a second. `shapes` are (width, height), each repeated
    as often as it is trained. `encoder` and `decoder` are the widths of the autoencoder from fine to coarse,
    `decoder_layers` the decoder's residual blocks at each resolution, from fine to coarse too. A step of the
    autoencoder learns from two crops of `crop` pixels a side of each of `clips` clips and `pictures` single frames, a
    step of the transformer from `tokens` latents.

    Captions are written with `captions.GRAMMARS[grammar]`. The transformer is trained at Muon's learning rate `rate`,
    its moving average keeps the share `keep` at each step, and `noise_mean` is the mean of its logit-normal noise
    levels.

    `windows` are the lengths in latents of the transformer's batches, each with its share. `context` is the number of
    latents that a window of the engine goes on from: the catalog's `context_latents` of these weights.
    """

    fps: int
    cell: int
    spacing: int
    shapes: tuple[tuple[int, int], ...]
    channels: int
    encoder: tuple[int, int, int, int]
    decoder: tuple[int, int, int]
    decoder_layers: tuple[int, int, int, int]
    layers: int
    heads: int
    crop: int
    clips: int
    pictures: int
    tokens: int
    windows: tuple[tuple[int, float], ...]
    context: int
    grammar: str
    rate: float
    keep: float
    noise_mean: float

    @property
    def frames(self) -> int:
        """Frames of a whole clip."""
        return count_frames(self.fps)

    @property
    def turn(self) -> int:
        """The frame until which a clip that changes its motion shows the earlier one: all of a window's context."""
        return SPAN * self.context

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


# Two cores: hours. What ships.
SMALL: Final = TrainingConfig(
    fps=8,
    cell=16,
    spacing=16,
    shapes=((160, 96),) * 4 + ((96, 160), (128, 128)),
    channels=48,
    encoder=(24, 48, 96, 192),
    decoder=(48, 96, 192),
    decoder_layers=(1, 2, 4, 1),
    layers=6,
    heads=6,
    crop=64,
    clips=3,
    pictures=4,
    tokens=4320,  # twelve whole clips
    windows=((1, 0.05), (2, 0.25), (3, 0.1), (4, 0.2), (5, 0.2), (6, 0.2)),
    context=2,
    grammar="plain",
    rate=0.012,
    keep=0.998,
    noise_mean=1.0,
)
# Goes on from `SMALL` by surgery (surgery.py): three times the frames, so that a latent stands for a third of a second,
# and twice the pixels a side from a decoder with larger patches. The encoder, hence the latent space, stays, and so do
# the coordinates: with those of 32 pixels the transformer's loss at noise levels 0.5 to 1 is 0.84 to 1.21, with those
# of 16 it is 0.38 to 0.52.
SMOOTH: Final = replace(
    SMALL,
    fps=24,
    cell=32,
    shapes=((320, 192),) * 4 + ((192, 320), (256, 256)),
    decoder_layers=(3, 2, 4, 1),
    layers=8,
    crop=128,
    clips=1,
    pictures=2,
    tokens=5760,  # six whole clips
    windows=((1, 0.1), (2, 0.05), (4, 0.25), (6, 0.25), (8, 0.25), (16, 0.1)),
    context=3,
    grammar="wide",
    rate=0.006,
    keep=0.9995,
    noise_mean=1.3,
)
# A large GPU: half an hour. Latents stand for four times the pixels of `SMALL`, so sampling costs no more.
LARGE: Final = TrainingConfig(
    fps=24,
    cell=32,
    spacing=32,
    shapes=((320, 192),) * 4 + ((192, 320), (256, 256)),
    channels=96,
    encoder=(48, 96, 128, 192),
    decoder=(64, 128, 192),
    decoder_layers=(1, 2, 4, 1),
    layers=8,
    heads=8,
    crop=128,
    clips=16,
    pictures=64,
    tokens=92_160,  # 96 whole clips
    windows=SMOOTH.windows,
    context=3,
    grammar="wide",
    rate=0.012,
    keep=0.998,
    noise_mean=1.0,
)
RECIPES: Final = {"small": SMALL, "smooth": SMOOTH, "large": LARGE}
