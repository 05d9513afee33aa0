"""What the transformer learns from: batches of latents from the shards on disk, and sentences about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from engine.mini.drawn import captions, world
from engine.mini.training import latents, train_text
from engine.mini.training.latents import STILLS, WHERE
from engine.mini.training.recipe import SPAN, Recipe

if TYPE_CHECKING:
    from pathlib import Path

LENGTHS: Final = (0.05, 0.03, 0.08, 0.12, 0.12, 0.6)  # share of batches with 1, 2 ... 6 latent frames
GIVEN: Final = 0.15  # share of batches with frames already there (image to video, keyframes)
KEYFRAME: Final = 0.5  # share of those, at full length, that are (also) given the middle or the last frame
WORN: Final = 0.15  # most noise in frames given, in deviations: a window goes on from frames that were made
NO_CAPTION: Final = 0.1  # share of captions dropped: guidance needs the model without any
NEGATIVE: Final = "worst quality, inconsistent motion, blurry, jittery, distorted"


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens come frame by frame, row by row; keyframes given as extra tokens stand in front.

    `clean` (batch, tokens, channels) normalised latents; `given` (batch, tokens) bool; `where` (batch,
    tokens, `WHERE`) the things' coverage; `coordinates` (batch, 3, tokens) seconds, pixel row, pixel column.
    """

    clean: Tensor
    given: Tensor
    where: Tensor
    coordinates: Tensor
    scenes: list[world.Scene]

    def to(self, device: torch.device) -> Batch:
        return Batch(
            self.clean.to(device),
            self.given.to(device),
            self.where.to(device),
            self.coordinates.to(device),
            self.scenes,
        )


def coordinates(cell: int, frames: int, rows: int, columns: int, at_frame: int = 0) -> Tensor:
    """(3, tokens): seconds, pixel row, pixel column of each token, as LTXConditionPipeline counts them."""
    grid = torch.meshgrid(torch.arange(frames), torch.arange(rows), torch.arange(columns), indexing="ij")
    seconds, row, column = (axis.flatten().float() for axis in grid)
    seconds = ((seconds * SPAN + 1 - SPAN).clamp(min=0) + at_frame) / world.FPS
    return torch.stack([seconds, row * cell, column * cell])


class Library:
    """The shards on disk, growing while training runs. Batches come from one shard, so shapes agree.

    `share` makes them smaller than the recipe has them.
    """

    def __init__(self, work: Path, *, share: float = 1.0) -> None:
        recipe = Recipe.read(work)
        self.folder = work / "latents"
        self.cell, self.tokens = recipe.cell, round(recipe.tokens * share)
        self.shards: dict[str, latents.Shard] = {}
        self.refresh()
        self.mean, self.deviation = latents.statistics(self.shards.values())

    def __len__(self) -> int:
        """How many clips there are."""
        return sum(len(shard.scenes) for shard in self.shards.values())

    def refresh(self) -> None:
        """Read the shards that have come since."""
        for file in sorted(self.folder.glob("*.pt")):
            if file.name not in self.shards:
                self.shards[file.name] = latents.read(file)

    def batch(self, rng: np.random.Generator) -> Batch:
        shard = self.shards[str(rng.choice(list(self.shards)))]
        whole, rows, columns = shard.latents.shape[2:]
        wanted = 1 + int(rng.choice(len(LENGTHS), p=LENGTHS))
        given = shard.later or rng.random() < GIVEN
        frames = min(max(wanted, 3), whole) if given else min(wanted, whole)
        count = min(max(1, self.tokens // (frames * rows * columns)), len(shard.scenes))
        picked = torch.from_numpy(rng.choice(len(shard.scenes), size=count, replace=False))
        batch = Batch(
            clean=self._normal(shard.latents[picked, :, :frames]),
            given=torch.zeros(count, frames * rows * columns, dtype=torch.bool),
            where=shard.where[picked, :frames].flatten(1, 3),
            coordinates=coordinates(self.cell, frames, rows, columns).expand(count, -1, -1),
            scenes=[shard.scenes[i] for i in picked.tolist()],
        )
        if not given:
            return batch
        keyframe = frames == whole and rng.random() < KEYFRAME
        if not keyframe or shard.later or rng.random() < 0.5:
            first = int(rng.choice([1, 3, 3] if shard.later else [1, 1, 1, 2, 3]))
            batch.given[:, : rows * columns * min(first, frames - 1)] = True
        return self._with_keyframe(batch, shard, picked, rng) if keyframe else batch

    def _with_keyframe(self, batch: Batch, shard: latents.Shard, picked: Tensor, rng: np.random.Generator) -> Batch:
        """The middle or the last frame as extra tokens in front."""
        still = int(rng.integers(len(STILLS)))
        extra = self._normal(shard.stills[picked, still][:, :, None])
        rows, columns = shard.stills.shape[-2:]
        place = coordinates(self.cell, 1, rows, columns, at_frame=STILLS[still]).expand(len(extra), -1, -1)
        return Batch(
            clean=torch.cat([extra, batch.clean], dim=1),
            given=torch.cat([torch.ones(extra.shape[:2], dtype=torch.bool), batch.given], dim=1),
            where=torch.cat([batch.where.new_zeros(*extra.shape[:2], WHERE), batch.where], dim=1),
            coordinates=torch.cat([place, batch.coordinates], dim=2),
            scenes=batch.scenes,
        )

    def _normal(self, raw: Tensor) -> Tensor:
        shape = (1, -1, 1, 1, 1)
        normal = (raw.float() - self.mean.view(shape)) / self.deviation.view(shape)
        return normal.flatten(2).transpose(1, 2)


class Sentences:
    """Captions for scenes, written anew each time and read by the frozen encoder."""

    def __init__(self, work: Path) -> None:
        self.tokenizer, self.encoder = train_text.load(work)

    def __call__(self, scenes: list[world.Scene], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.read([self._caption(scene, rng) for scene in scenes])

    @torch.no_grad()
    def read(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """(encoded text (texts, tokens, width), attention mask (texts, tokens))."""
        ids, mask = train_text.tokens(self.tokenizer, texts)
        return self.encoder(input_ids=ids, attention_mask=mask)[0], mask

    @staticmethod
    def _caption(scene: world.Scene, rng: np.random.Generator) -> str:
        if rng.random() < NO_CAPTION:
            return "" if rng.random() < 0.7 else NEGATIVE
        return captions.caption(scene, rng)[0]
