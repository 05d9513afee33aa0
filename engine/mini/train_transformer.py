"""Fourth stage: the transformer learns to denoise latents of drawn clips from their captions.

Rectified flow: x = (1 - s) clip + s noise, and the model tells noise - clip. Two things make it learn in
an hour of one CPU what else takes a day: cells that hold the thing count more, and a head that lives only
while training asks a middle layer where the thing is at every frame, so that places and paths are decided
before pictures are sharp.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from engine.mini import captions, latents, train_text, world
from engine.mini.muon import Muon
from engine.mini.parts import new_transformer

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import LTXVideoTransformer3DModel
    from diffusers.models.transformers.transformer_ltx import LTXAttention

BATCH: Final = 8
NO_CAPTION: Final = 0.1  # share of captions dropped: guidance needs the model without any
NEGATIVE: Final = "worst quality, inconsistent motion, blurry, jittery, distorted"
GIVEN: Final = 0.15  # share of batches with frames already there (image to video, continuation)
WHOLE: Final = 0.3  # share of batches at full length; the encoder is causal, so a clip's beginning is a clip
THING_WEIGHT: Final = 3.0
WHERE_WEIGHT: Final = 0.5


class PlainAttention:
    """Attention by two plain products: on a CPU its backward pass is three times faster than the fused one."""

    def __call__(
        self,
        attn: LTXAttention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(source))
        if image_rotary_emb is not None:
            query, key = _turn(query, *image_rotary_emb), _turn(key, *image_rotary_emb)
        query, key, value = (x.unflatten(2, (attn.heads, -1)).transpose(1, 2) for x in (query, key, attn.to_v(source)))
        scores = (query * query.shape[-1] ** -0.5) @ key.mT
        if attention_mask is not None:
            scores = scores + attention_mask[:, None]
        mixed = scores.softmax(-1) @ value
        out: Tensor = attn.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    pairs = x.unflatten(2, (-1, 2))
    turned = torch.stack([-pairs[..., 1], pairs[..., 0]], dim=-1).flatten(2)
    return x * cos.to(x.dtype) + turned * sin.to(x.dtype)


class Student(nn.Module):
    """The transformer and, while training, the head that tells where the thing is from a middle layer."""

    def __init__(self, transformer: LTXVideoTransformer3DModel) -> None:
        super().__init__()
        self.transformer = transformer
        width = transformer.config.num_attention_heads * transformer.config.attention_head_dim
        self.where = nn.Linear(width, latents.SPAN)
        self.middle = torch.empty(0)
        layer = transformer.transformer_blocks[len(transformer.transformer_blocks) * 2 // 3 - 1]
        layer.register_forward_hook(self._keep)
        for module in transformer.modules():
            if hasattr(module, "set_processor"):
                module.set_processor(PlainAttention())

    def _keep(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        self.middle = output

    def forward(
        self, x: Tensor, time: Tensor, text: Tensor, mask: Tensor, coordinates: Tensor
    ) -> tuple[Tensor, Tensor]:
        flow = self.transformer(
            hidden_states=x,
            encoder_hidden_states=text,
            timestep=time,
            encoder_attention_mask=mask,
            video_coords=coordinates,
            return_dict=False,
        )[0]
        return flow, self.where(self.middle)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens come frame by frame, row by row; keyframes given as extra tokens stand in front.

    `clean` (batch, tokens, channels) normalised latents; `given` (batch, tokens) bool; `where` (batch,
    tokens, 8) the thing's coverage; `coordinates` (batch, 3, tokens) seconds, pixel row, pixel column.
    """

    clean: Tensor
    given: Tensor
    where: Tensor
    coordinates: Tensor
    scenes: list[world.Scene]


def coordinates(frames: int, rows: int, columns: int, at_frame: int = 0) -> Tensor:
    """(3, tokens): seconds, pixel row, pixel column of each token, as LTXConditionPipeline counts them."""
    grid = torch.meshgrid(torch.arange(frames), torch.arange(rows), torch.arange(columns), indexing="ij")
    seconds, row, column = (axis.flatten().float() for axis in grid)
    seconds = ((seconds * latents.SPAN + 1 - latents.SPAN).clamp(min=0) + at_frame) / world.FPS
    return torch.stack([seconds, row * latents.CELL, column * latents.CELL])


class Library:
    """The shards on disk, growing while training runs. Batches come from one shard, so shapes agree."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "latents"
        self.shards: dict[str, latents.Shard] = {}
        self.refresh()
        self.mean, self.deviation = latents.statistics(self.shards.values())

    def refresh(self) -> None:
        for file in sorted(self.folder.glob("*.pt")):
            if file.name not in self.shards:
                self.shards[file.name] = latents.read(file)

    def batch(self, rng: np.random.Generator) -> Batch:
        shard = self.shards[str(rng.choice(list(self.shards)))]
        picked = torch.from_numpy(rng.choice(len(shard.scenes), size=BATCH, replace=False))
        whole, rows, columns = shard.latents.shape[2:]
        frames = whole if rng.random() < WHOLE else int(rng.integers(3, whole - 1))
        clean = self._tokens(shard.latents[picked, :, :frames])
        where = shard.where[picked, :frames].flatten(1, 3)
        grid = coordinates(frames, rows, columns)
        given = self._given(rng, frames, rows * columns)
        if given.any() and frames == whole and rng.random() < 0.5:
            still = int(rng.integers(len(latents.STILLS)))
            extra = self._tokens(shard.stills[picked, still][:, :, None])
            clean = torch.cat([extra, clean], dim=1)
            where = torch.cat([torch.zeros_like(where[:, : rows * columns]), where], dim=1)
            grid = torch.cat([coordinates(1, rows, columns, at_frame=latents.STILLS[still]), grid], dim=1)
            given = torch.cat([torch.ones(rows * columns, dtype=torch.bool), given])
        scenes = [shard.scenes[i] for i in picked.tolist()]
        return Batch(clean, given.expand(BATCH, -1), where, grid.expand(BATCH, -1, -1), scenes)

    def _tokens(self, raw: Tensor) -> Tensor:
        shape = (1, -1, 1, 1, 1)
        normal = (raw.float() - self.mean.view(shape)) / self.deviation.view(shape)
        return normal.flatten(2).transpose(1, 2)

    def _given(self, rng: np.random.Generator, frames: int, cells: int) -> Tensor:
        given = torch.zeros(frames, dtype=torch.bool)
        if rng.random() < GIVEN:
            given[: int(rng.choice([0, 1, 1, 1, 2, 3]))] = True
            given[frames - 1] = False
            if not given.any():
                given[0] = True
        return given.repeat_interleave(cells)


class Sentences:
    """Captions for scenes, written anew each time and read by the frozen encoder."""

    def __init__(self, work: Path) -> None:
        self.tokenizer, self.encoder = train_text.load(work)

    def __call__(self, scenes: list[world.Scene], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.read([self._caption(scene, rng) for scene in scenes])

    @torch.no_grad()
    def read(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        ids, mask = train_text.tokens(self.tokenizer, texts)
        return self.encoder(input_ids=ids, attention_mask=mask)[0], mask

    @staticmethod
    def _caption(scene: world.Scene, rng: np.random.Generator) -> str:
        if rng.random() < NO_CAPTION:
            return "" if rng.random() < 0.7 else NEGATIVE
        return captions.caption(scene, rng)[0]


def noise_levels(rng: np.random.Generator, count: int) -> Tensor:
    """Mostly the high middle, where the layout is decided; some anywhere, so that no level is unknown."""
    levels = 1 / (1 + np.exp(-rng.normal(0.7, 1.0, count)))
    levels = np.where(rng.random(count) < 0.15, rng.random(count), levels)
    return torch.from_numpy(np.where(rng.random(count) < 0.06, rng.uniform(0.97, 1, count), levels)).float()


def losses(student: Student, batch: Batch, level: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """(error of the flow, error of where): means over the tokens that are not given, the thing's more."""
    dtype = student.where.weight.dtype
    sigma = level[:, None] * ~batch.given
    noise = torch.randn_like(batch.clean)
    x = torch.lerp(batch.clean, noise, sigma[..., None])
    flow, where = student(x.to(dtype), sigma * 1000, text.to(dtype), mask, batch.coordinates)
    weight = ~batch.given * (1 + (THING_WEIGHT - 1) * batch.where.float().amax(-1))
    weight = weight / weight.sum()
    error = (flow.float() - (noise - batch.clean)).square().mean(-1)
    misplaced = (where.float() - batch.where.float()).square().mean(-1)
    return (weight * error).sum(), (weight * misplaced).sum()


def train(work: Path, minutes: float, *, rate: float = 0.015) -> None:
    """Train until `minutes` have passed in all, going on from `work/transformer.pt` where that exists."""
    library, sentences = Library(work), Sentences(work)
    torch.manual_seed(1)
    student = Student(new_transformer()).to(torch.bfloat16)
    optimiser = Muon(student.named_parameters(), names_adam=("proj_in", "proj_out", "time_embed", "table", "where"))
    file = work / "transformer.pt"
    spent = 0.0
    if file.exists():
        state = torch.load(file)
        optimiser.load_state_dict(state["optimiser"])
        spent = float(state["spent"])
        library.mean, library.deviation = state["mean"], state["deviation"]
    rng = np.random.default_rng(optimiser.steps + 1)
    began, told, sums = time.monotonic() - spent, time.monotonic(), []
    while (spent := time.monotonic() - began) < minutes * 60:
        batch = library.batch(rng)
        flow, where = losses(student, batch, noise_levels(rng, BATCH), *sentences(batch.scenes, rng))
        (flow + WHERE_WEIGHT * where * 20).backward()
        optimiser.step(_rate(rate, optimiser.steps, spent / (minutes * 60)))
        sums.append((float(flow.detach()), float(where.detach())))
        if time.monotonic() - told > 60:
            told = time.monotonic()
            mean = np.mean(sums, axis=0)
            print(
                f"transformer {spent / 60:5.1f} min  step {optimiser.steps:5d}  clips {len(library.shards) * 64:5d}  "
                f"flow {mean[0]:.4f}  where {mean[1]:.4f}",
                flush=True,
            )
            sums.clear()
            library.refresh()
            _save(file, optimiser, spent, library)
    _save(file, optimiser, spent, library)


def _rate(peak: float, step: int, progress: float) -> float:
    """Warm up over 50 steps, hold, and fall to nothing over the last two fifths."""
    return peak * min(1.0, step / 50, (1.02 - progress) / 0.4)


def _save(file: Path, optimiser: Muon, spent: float, library: Library) -> None:
    state = {"optimiser": optimiser.state_dict(), "spent": spent, "mean": library.mean, "deviation": library.deviation}
    torch.save(state, file.with_suffix(".part"))
    file.with_suffix(".part").rename(file)


def load(work: Path) -> tuple[LTXVideoTransformer3DModel, Tensor, Tensor]:
    """The transformer's moving average, and the latents' mean and deviation it was trained with."""
    state = torch.load(work / "transformer.pt")
    transformer = new_transformer()
    prefix = "transformer."
    average = state["optimiser"]["average"]
    transformer.load_state_dict({n.removeprefix(prefix): v for n, v in average.items() if n.startswith(prefix)})
    return transformer.eval(), state["mean"], state["deviation"]
