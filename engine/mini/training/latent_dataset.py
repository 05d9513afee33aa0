"""The transformer's training data: batches of latents from the shards on disk, and encoded captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from engine.mini.dataset import captions
from engine.mini.dataset.scenes import Scene
from engine.mini.training import encode_latents, train_text
from engine.mini.training.config import SPAN, TrainingConfig
from engine.mini.training.encode_latents import WHERE
from engine.mini.training.tokenizer import tokenize_texts

if TYPE_CHECKING:
    from pathlib import Path

GIVEN: Final = 0.45  # share of batches, of clips from their beginning, with something given
# What may be given, and how often: the first frames, the last ones, both, single frames anywhere, or all frames under
# some noise (a remix, or one clip that becomes another).
PATTERNS: Final = {"first": 0.55, "last": 0.1, "ends": 0.15, "keyframe": 0.1, "noised": 0.1}
WORN: Final = 0.15  # maximal noise in given frames, in standard deviations: a window goes on from generated frames
LEAST: Final = {
    "nothing": 1,
    "first": 3,
    "last": 3,
    "ends": 5,
    "noised": 2,
}  # latent frames of a batch at least
NO_CAPTION: Final = 0.1  # share of captions dropped: guidance needs the model without any


@dataclass(frozen=True, slots=True)
class LatentBatch:
    """Tokens frame by frame, row by row; keyframes given as extra tokens stand in front.

    `clean` [B, S, C] are normalised latents; `ceiling` [B, S] the maximal noise level of each token, 0 if it is given
    and 1 if it is free; `where` [B, S, `WHERE`] the coverage by things; `coordinates` [B, 3, S] seconds, pixel row and
    pixel column.
    """

    clean: Tensor
    ceiling: Tensor
    where: Tensor
    coordinates: Tensor
    scenes: list[Scene]

    @property
    def is_given(self) -> Tensor:
        """Boolean [B, S]: tokens that are given and stay as they are."""
        return self.ceiling == 0

    def to(self, device: torch.device) -> LatentBatch:
        return LatentBatch(
            self.clean.to(device),
            self.ceiling.to(device),
            self.where.to(device),
            self.coordinates.to(device),
            self.scenes,
        )


def token_coordinates(config: TrainingConfig, frames: int, rows: int, columns: int, at_frame: int = 0) -> Tensor:
    """Seconds, pixel row and pixel column of each token, [3, S], as LTXConditionPipeline counts them."""
    grid = torch.meshgrid(torch.arange(frames), torch.arange(rows), torch.arange(columns), indexing="ij")
    seconds, row, column = (axis.flatten().float() for axis in grid)
    seconds = ((seconds * SPAN + 1 - SPAN).clamp(min=0) + at_frame) / config.fps
    return torch.stack([seconds, row * config.spacing, column * config.spacing])


class LatentDataset:
    """The shards on disk, which may grow while training runs. A batch comes from one shard, so its shapes agree, and
    has `share` of the recipe's tokens.
    """

    def __init__(self, work: Path, *, share: float = 1.0) -> None:
        self.config = TrainingConfig.read(work)
        self.folder = work / "latents"
        self.tokens = round(self.config.tokens * share)
        lengths, shares = zip(*self.config.windows, strict=True)
        self._lengths, self._shares = lengths, np.array(shares) / sum(shares)
        self.shards: dict[str, encode_latents.LatentShard] = {}
        self.read_new_shards()
        self.mean, self.deviation = encode_latents.channel_statistics(self.shards.values())

    def __len__(self) -> int:
        """The number of clips."""
        return sum(len(shard.scenes) for shard in self.shards.values())

    def read_new_shards(self) -> None:
        """Read the shards written since the last call."""
        for file in sorted(self.folder.glob("*.pt")):
            if file.name not in self.shards:
                self.shards[file.name] = encode_latents.read_shard(file)

    def draw_batch(self, rng: np.random.Generator) -> LatentBatch:
        shard = self.shards[str(rng.choice(list(self.shards)))]
        whole, rows, columns = shard.latents.shape[2:]
        pattern = _conditioning_pattern(shard, rng)
        wanted = int(rng.choice(self._lengths, p=self._shares))
        frames = self._frame_count(pattern, wanted, whole)
        ceiling = self._random_ceiling(shard, pattern, frames, rng)
        count = min(max(1, self.tokens // (frames * rows * columns)), len(shard.scenes))
        picked = torch.from_numpy(rng.choice(len(shard.scenes), size=count, replace=False))
        batch = LatentBatch(
            clean=self._normalise(shard.latents[picked, :, :frames]),
            ceiling=ceiling.repeat_interleave(rows * columns).expand(count, -1),
            where=shard.where[picked, :frames].flatten(1, 3),
            coordinates=token_coordinates(self.config, frames, rows, columns).expand(count, -1, -1),
            scenes=[shard.scenes[i] for i in picked.tolist()],
        )
        return self._with_keyframe(batch, shard, picked, rng) if pattern == "keyframe" else batch

    def _frame_count(self, pattern: str, wanted: int, whole: int) -> int:
        """Latent frames of a batch: as many as `wanted`, but no fewer than its pattern needs."""
        if pattern in {"keyframe", "returning"}:
            return whole
        least = self.config.context + 2 if pattern == "turned" else LEAST[pattern]
        return min(max(wanted, least), whole)

    def _random_ceiling(
        self, shard: encode_latents.LatentShard, pattern: str, frames: int, rng: np.random.Generator
    ) -> Tensor:
        if pattern == "returning":
            return _ceiling_between(shard.ends, frames)
        if pattern == "turned":
            return _ceiling_between((1 + self.config.context, 0), frames)
        return _noise_ceiling(pattern, frames, rng)

    def _with_keyframe(
        self, batch: LatentBatch, shard: encode_latents.LatentShard, picked: Tensor, rng: np.random.Generator
    ) -> LatentBatch:
        """A single frame as extra tokens in front."""
        still = int(rng.integers(len(shard.stills_at)))
        extra = self._normalise(shard.stills[picked, still][:, :, None])
        rows, columns = shard.stills.shape[-2:]
        place = token_coordinates(self.config, 1, rows, columns, at_frame=shard.stills_at[still]).expand(
            len(extra), -1, -1
        )
        return LatentBatch(
            clean=torch.cat([extra, batch.clean], dim=1),
            ceiling=torch.cat([torch.zeros(extra.shape[:2]), batch.ceiling], dim=1),
            where=torch.cat([batch.where.new_zeros(*extra.shape[:2], WHERE), batch.where], dim=1),
            coordinates=torch.cat([place, batch.coordinates], dim=2),
            scenes=batch.scenes,
        )

    def _normalise(self, raw: Tensor) -> Tensor:
        shape = (1, -1, 1, 1, 1)
        normal = (raw.float() - self.mean.view(shape)) / self.deviation.view(shape)
        return normal.flatten(2).transpose(1, 2)


def _conditioning_pattern(shard: encode_latents.LatentShard, rng: np.random.Generator) -> str:
    """What is given of a batch. A clip that begins in the middle of its motion always has something given."""
    if shard.beginning in {"turned", "returning"}:
        return shard.beginning
    if shard.beginning == "first" and rng.random() >= GIVEN:
        return "nothing"
    allowed = {name: often for name, often in PATTERNS.items() if shard.beginning == "first" or name != "keyframe"}
    shares = np.array(list(allowed.values()))
    return str(rng.choice(list(allowed), p=shares / shares.sum()))


def _noise_ceiling(pattern: str, frames: int, rng: np.random.Generator) -> Tensor:
    """The maximal noise level of each latent frame."""
    if pattern == "noised":
        return torch.from_numpy(np.interp(np.linspace(0, 2, frames), [0, 1, 2], rng.uniform(0.1, 1, 3))).float()
    ceiling, first, last = torch.ones(frames), 0, 0
    if pattern in {"first", "ends"} or (pattern == "keyframe" and rng.random() < 0.5):
        first = min(int(rng.choice([1, 1, 2, 3])), frames - 2)
    if pattern in {"last", "ends"}:
        last = min(int(rng.choice([1, 2, 3])), frames - 1 - first)
    ceiling[:first] = 0
    ceiling[frames - last :] = 0
    return ceiling


def _ceiling_between(ends: tuple[int, int], frames: int) -> Tensor:
    """Latent frames given at either end, and free ones between them."""
    ceiling = torch.ones(frames)
    ceiling[: ends[0]] = 0
    ceiling[frames - ends[1] :] = 0
    return ceiling


class CaptionEncoder:
    """Writes a new caption for each scene at every call, and encodes it with the frozen text encoder."""

    def __init__(self, work: Path) -> None:
        self.grammar = captions.GRAMMARS[TrainingConfig.read(work).grammar]
        self.tokenizer, self.encoder = train_text.load_text_encoder(work)

    def __call__(self, scenes: list[Scene], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.encode_texts([self._random_caption(scene, rng) for scene in scenes])

    @torch.no_grad()
    def encode_texts(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Encoded texts [B, L, width] and their attention mask [B, L]."""
        ids, mask = tokenize_texts(self.tokenizer, texts)
        return self.encoder(input_ids=ids, attention_mask=mask)[0], mask

    def _random_caption(self, scene: Scene, rng: np.random.Generator) -> str:
        if rng.random() < NO_CAPTION:
            return "" if rng.random() < 0.7 else train_text.NEGATIVE
        return captions.write_caption(scene, rng, grammar=self.grammar)[0]
