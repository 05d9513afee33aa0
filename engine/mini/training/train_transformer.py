"""Fourth stage: trains the transformer to denoise latents of drawn clips from their captions.

Rectified flow: x = (1 - s) clip + s noise, and the model predicts noise - clip. Two things reduce days on a CPU to
hours: cells that hold a thing weigh more in the loss, and a head that exists only in training predicts from a middle
layer where the things are at every frame, so that positions and paths are learnt before details.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from engine.mini.training.components import new_transformer, training_device, training_dtype
from engine.mini.training.config import TrainingConfig
from engine.mini.training.encode_latents import WHERE
from engine.mini.training.latent_dataset import WORN, CaptionEncoder, LatentBatch, LatentDataset
from engine.mini.training.muon import Muon
from engine.mini.training.progress import TrainingLog, save_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import LTXVideoTransformer3DModel
    from diffusers.models.transformers.transformer_ltx import LTXAttention

THING_WEIGHT: Final = 6.0
WHERE_WEIGHT: Final = 5.0
# Left to AdamW. Muon drove the first layer of the caption projection until every unit behind it was permanently zero.
ADAM: Final = ("proj_in", "proj_out", "time_embed", "caption", "table", "where")
# AdamW's rate as a share of Muon's. At three times this the embedding of the timestep drifted until 180 of its 192
# units were permanently zero, and the model could hardly tell the noise level.
ADAM_SHARE: Final = 0.05


class PlainAttention:
    """Attention as two matrix products: on a CPU its backward pass is three times as fast as the fused one."""

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
            query, key = _apply_rotary(query, *image_rotary_emb), _apply_rotary(key, *image_rotary_emb)
        query, key, value = (x.unflatten(2, (attn.heads, -1)).transpose(1, 2) for x in (query, key, attn.to_v(source)))
        scores = (query * query.shape[-1] ** -0.5) @ key.mT
        if attention_mask is not None:
            scores = scores + attention_mask[:, None]
        mixed = scores.softmax(-1) @ value
        out: Tensor = attn.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out


def _apply_rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    pairs = x.unflatten(2, (-1, 2))
    turned = torch.stack([-pairs[..., 1], pairs[..., 0]], dim=-1).flatten(2)
    return x * cos.to(x.dtype) + turned * sin.to(x.dtype)


class TransformerWithProbe(nn.Module):
    """The transformer with the head that predicts from a middle layer where the things are.

    `compiled` fuses the blocks: twice as fast on a CPU, after a minute of compilation.
    """

    def __init__(self, transformer: LTXVideoTransformer3DModel, *, compiled: bool = False) -> None:
        super().__init__()
        self.transformer = transformer
        width = transformer.config.num_attention_heads * transformer.config.attention_head_dim
        self.where = nn.Linear(width, WHERE)
        self.middle = torch.empty(0)
        layer = transformer.transformer_blocks[len(transformer.transformer_blocks) * 2 // 3 - 1]
        layer.register_forward_hook(self._store_middle)
        use_plain_attention(transformer)
        if compiled:
            for block in transformer.transformer_blocks:
                block.compile(dynamic=True)

    def _store_middle(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
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


def use_plain_attention(transformer: LTXVideoTransformer3DModel) -> None:
    """Use `PlainAttention` where it is faster."""
    if training_device().type == "cpu":
        for module in transformer.modules():
            if hasattr(module, "set_processor"):
                module.set_processor(PlainAttention())


def sample_noise_levels(rng: np.random.Generator, count: int, mean: float = 1.0) -> Tensor:
    """Noise levels mostly near 1, where the caption decides what a clip shows; a third uniform, for sharp outlines.

    A clip is 17,000 numbers, so a few hundredths of it among noise already reveal place and time of day, and the model
    has no need of the caption. Without many batches above level 0.96 it did not learn to read.
    """
    levels = 1 / (1 + np.exp(-rng.normal(mean, 1.0, count)))
    kind = rng.random(count)
    levels = np.where(kind < 0.3, rng.random(count), levels)
    return torch.from_numpy(np.where(kind > 1 - 0.18, rng.uniform(0.96, 1, count), levels)).float()


def noise_conditions(batch: LatentBatch) -> Tensor:
    """The clean latents, with a little noise in given ones: generated frames are never quite like drawn ones."""
    if not batch.is_given.any():
        return batch.clean
    amount = WORN * torch.rand(len(batch.clean), 1, 1, device=batch.clean.device) * batch.is_given[..., None]
    return batch.clean + amount * torch.randn_like(batch.clean)


def flow_losses(
    student: TransformerWithProbe, batch: LatentBatch, level: Tensor, text: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """The squared errors of the flow and of the things' positions, means over the tokens that are not given, weighted
    by coverage.

    No token is noised beyond its ceiling, as the engine treats a frame given at less than full strength.
    """
    dtype = student.where.weight.dtype
    sigma = torch.minimum(level[:, None], batch.ceiling)
    noise = torch.randn_like(batch.clean)
    x = torch.lerp(noise_conditions(batch), noise, sigma[..., None])
    flow, where = student(x.to(dtype), sigma * 1000, text.to(dtype), mask, batch.coordinates)
    weight = ~batch.is_given * (1 + (THING_WEIGHT - 1) * batch.where.float().amax(-1))
    weight = weight / weight.sum()
    error = (flow.float() - (noise - batch.clean)).square().mean(-1)
    misplaced = (where.float() - batch.where.float()).square().mean(-1)
    return (weight * error).sum(), (weight * misplaced).sum()


def train_transformer(work: Path, minutes: float, *, compiled: bool = True) -> None:
    """Train until `minutes` have passed in all, going on from `work/transformer.pt` where that exists."""
    dataset, sentences = LatentDataset(work), CaptionEncoder(work)
    torch.manual_seed(1)
    config = TrainingConfig.read(work)
    student = TransformerWithProbe(new_transformer(config), compiled=compiled).to(training_device(), training_dtype())
    optimiser = Muon(student.named_parameters(), names_adam=ADAM, adam_share=ADAM_SHARE, keep=config.keep)
    file = work / "transformer.pt"
    spent = 0.0
    if file.exists():
        state = torch.load(file)
        optimiser.load_state_dict(state["optimiser"])
        spent = float(state["spent"])
        dataset.mean, dataset.deviation = state["mean"], state["deviation"]
    rng = np.random.default_rng(optimiser.steps + 1)
    with TrainingLog("transformer", minutes, spent) as log:
        while log.has_time_left():
            batch = dataset.draw_batch(rng).to(training_device())
            text, mask = (each.to(training_device()) for each in sentences(batch.scenes, rng))
            level = sample_noise_levels(rng, len(batch.scenes), config.noise_mean).to(training_device())
            flow, where = flow_losses(student, batch, level, text, mask)
            (flow + WHERE_WEIGHT * where).backward()
            optimiser.step(_learning_rate(config.rate, optimiser.steps, log.time_fraction))
            log.add_values(flow=float(flow.detach()), where=float(where.detach()))
            if log.write_when_due(optimiser.steps, clips=len(dataset)):
                dataset.read_new_shards()
                _save_checkpoint(file, optimiser, log.seconds_spent, dataset)
        _save_checkpoint(file, optimiser, log.seconds_spent, dataset)


def _learning_rate(peak: float, step: int, progress: float) -> float:
    """Warm-up over 50 steps, then constant, and linear to zero over the last third."""
    return peak * min(1.0, step / 50, (1.01 - progress) / 0.33)


def _save_checkpoint(file: Path, optimiser: Muon, spent: float, dataset: LatentDataset) -> None:
    state = {"optimiser": optimiser.state_dict(), "spent": spent, "mean": dataset.mean, "deviation": dataset.deviation}
    save_checkpoint(file, state)


def load_transformer(work: Path) -> tuple[LTXVideoTransformer3DModel, Tensor, Tensor]:
    """The transformer's moving average, and the latents' mean and deviation it was trained with."""
    state = torch.load(work / "transformer.pt", map_location="cpu")
    transformer = new_transformer(TrainingConfig.read(work))
    prefix = "transformer."
    average = state["optimiser"]["average"]
    transformer.load_state_dict({n.removeprefix(prefix): v for n, v in average.items() if n.startswith(prefix)})
    return transformer.eval(), state["mean"], state["deviation"]
