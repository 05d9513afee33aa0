"""Turbo stage: distils guided sampling into a LoRA that needs half the steps and no guidance.

The trained transformer is the teacher and is not changed; the student is a copy of it with a LoRA, small enough to ship
beside the weights and to be activated for one clip and not for the next. Batches are denoised by the student's own
predictions, and at every step the teacher computes where it would have gone from there: so the student is trained on
the states it will meet, its own errors included.
"""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from diffusers.loaders import LTXVideoLoraLoaderMixin
from peft import LoraConfig
from torch import Tensor, nn

from engine.catalog.model import ModelEntry
from engine.catalog.registry import DEFAULT_MODEL, find_model
from engine.diffusion.schedule import noise_levels
from engine.mini.training import train_transformer
from engine.mini.training.components import training_device, training_dtype
from engine.mini.training.latent_dataset import CaptionEncoder, LatentBatch, LatentDataset
from engine.mini.training.muon import Muon
from engine.mini.training.progress import TrainingLog, save_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import LTXVideoTransformer3DModel

ADAPTER: Final = "turbo"
RANK: Final = 32
BATCHES: Final = 8  # batches denoised in turns, each at its own step, so that successive losses differ
FROM_NOISE: Final = 0.7  # share of batches that start from pure noise; the rest are noised clips of the dataset


@dataclass(frozen=True, slots=True)
class StepSchedule:
    """The student's noise `levels`, from 1 down to 0, and the `substeps` guided Euler steps (guidance scale `guidance`)
    that the teacher takes between two of them.
    """

    levels: tuple[float, ...]
    substeps: int
    guidance: float

    @classmethod
    def from_catalog(cls, model: ModelEntry) -> StepSchedule:
        """The schedule of the catalog's turbo and full qualities."""
        few, full = model.sampling["turbo"], model.sampling["full"]
        return cls((*noise_levels(few).tolist(), 0.0), round(full.steps / few.steps), full.guidance_scale)


@dataclass(slots=True)
class DistillationBatch:
    """A batch of clips being denoised; `x` is its state before the student's step number `step`.

    `x` [B, S, C] float32; `ceiling` [B, S] the maximal noise level of each token, 0 for conditions; `coordinates`
    [B, 3, S]; `text` [B, length, width] and `mask` [B, length] are the encoded prompts.
    """

    x: Tensor
    step: int
    ceiling: Tensor
    coordinates: Tensor
    text: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Teacher:
    """The full model, its step schedule, and the encoded empty prompt [1, length, width] of its guidance."""

    transformer: LTXVideoTransformer3DModel
    course: StepSchedule
    text: Tensor
    mask: Tensor

    @torch.no_grad()
    def target_flow(self, batch: DistillationBatch) -> tuple[Tensor, Tensor]:
        """(the flow that takes one student step to where the teacher's guided steps end; the teacher's unguided flow at
        the start, which is the prediction of an untrained student).
        """
        level, end = self.course.levels[batch.step : batch.step + 2]
        x, empty_prompt = batch.x, (self.text.expand(len(batch.x), -1, -1), self.mask.expand(len(batch.x), -1))
        seen, decided = [], free_tokens(batch, level)
        for now, then in pairwise(np.linspace(level, end, self.course.substeps + 1).tolist()):
            without = predict_flow(self.transformer, batch, x, now, *empty_prompt)
            seen.append(towards := predict_flow(self.transformer, batch, x, now, batch.text, batch.mask))
            x = x - (now - then) * decided * (without + self.course.guidance * (towards - without))
        return (batch.x - x) / (level - end), seen[0]


def predict_flow(
    transformer: LTXVideoTransformer3DModel,
    batch: DistillationBatch,
    x: Tensor,
    level: float,
    text: Tensor,
    mask: Tensor,
) -> Tensor:
    """The transformer's flow for `x` at this noise level, float32; no token's timestep is above its ceiling."""
    predicted: Tensor = transformer(
        hidden_states=x.to(transformer.dtype),
        encoder_hidden_states=text.to(transformer.dtype),
        timestep=1000 * batch.ceiling.clamp(max=level),
        encoder_attention_mask=mask,
        video_coords=batch.coordinates,
        return_dict=False,
    )[0]
    return predicted.float()


def free_tokens(batch: DistillationBatch, level: float) -> Tensor:
    """[B, S, 1]: 1 for tokens denoised at this noise level, 0 for conditions and tokens with a lower ceiling."""
    return (batch.ceiling >= level)[..., None].float()


def new_batch(
    batch: LatentBatch, text: Tensor, mask: Tensor, course: StepSchedule, rng: np.random.Generator
) -> DistillationBatch:
    """A batch of pure noise around its conditions, or of clips noised to a lower level."""
    step = 0 if rng.random() < FROM_NOISE else int(rng.integers(1, len(course.levels) - 1))
    level = batch.ceiling.clamp(max=course.levels[step])[..., None]
    x = torch.lerp(train_transformer.noise_conditions(batch), torch.randn_like(batch.clean), level)
    return DistillationBatch(x, step, batch.ceiling, batch.coordinates, text, mask)


def new_student(transformer: LTXVideoTransformer3DModel) -> LTXVideoTransformer3DModel:
    """A copy with a trainable LoRA on every linear layer, which changes nothing yet; all else is frozen."""
    student = copy.deepcopy(transformer).requires_grad_(requires_grad=False)
    linear = [name for name, module in student.named_modules() if isinstance(module, nn.Linear)]
    student.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=linear), ADAPTER)
    return student


def distillation_loss(
    teacher: Teacher, student: LTXVideoTransformer3DModel, batch: DistillationBatch
) -> tuple[Tensor, Tensor]:
    """The mean squared errors of the student and of an untrained one; advances the batch by one student step."""
    level, end = teacher.course.levels[batch.step : batch.step + 2]
    target, untaught = teacher.target_flow(batch)
    predicted, decided = predict_flow(student, batch, batch.x, level, batch.text, batch.mask), free_tokens(batch, level)
    batch.x = batch.x - (level - end) * decided * predicted.detach()
    batch.step += 1
    off, before = (((each - target).square() * decided).sum() for each in (predicted, untaught))
    count = decided.sum().clamp(min=1) * predicted.shape[-1]  # all may still wait
    return off / count, before / count


class Distillation:
    """A teacher, its student, and the batches they are denoising; `draw` supplies new ones."""

    def __init__(self, teacher: Teacher, draw: Callable[[], DistillationBatch]) -> None:
        self.teacher, self.draw = teacher, draw
        self.student = new_student(teacher.transformer)
        self.optimiser = Muon(self.student.named_parameters())
        self.batches = [draw() for _ in range(BATCHES)]
        self.rng = np.random.default_rng()

    def step(self, rate: float) -> tuple[float, float]:
        """Train on one step of a random batch; returns the losses of the student and of an untrained one."""
        which = int(self.rng.integers(BATCHES))
        off, untaught = distillation_loss(self.teacher, self.student, self.batches[which])
        off.backward()
        self.optimiser.step(rate)
        if self.batches[which].step == len(self.teacher.course.levels) - 1:
            self.batches[which] = self.draw()  # fully denoised
        return float(off.detach()), float(untaught)

    def save(self, file: Path, spent: float) -> None:
        """Save the optimiser, the teacher's digest and the seconds spent."""
        state = {"optimiser": self.optimiser.state_dict(), "spent": spent, "teacher": self._teacher_digest()}
        save_checkpoint(file, state)

    def resume(self, file: Path) -> float:
        """Load a checkpoint, if it exists. Returns the seconds spent, 0 if it was of another teacher."""
        if not file.exists():
            return 0.0
        state = torch.load(file)
        self.optimiser.load_state_dict(state["optimiser"])
        return float(state["spent"]) if state["teacher"] == self._teacher_digest() else 0.0

    def _teacher_digest(self) -> str:
        return _weights_digest(self.teacher.transformer)


def train_adapter(work: Path, minutes: float, *, rate: float = 0.003, compiled: bool = True) -> None:
    """Distil until `minutes` have passed in all, going on from `work/turbo.pt` where that exists.

    It wants the latents, the text encoder and a finished `work/transformer.pt`: with another transformer than the
    last time the minutes count anew, from the adapter as it is.
    """
    dataset, sentences, rng = LatentDataset(work, share=0.5), CaptionEncoder(work), np.random.default_rng()
    transformer, dataset.mean, dataset.deviation = train_transformer.load_transformer(work)
    train_transformer.use_plain_attention(transformer)
    teacher = Teacher(
        _freeze_transformer(transformer),
        StepSchedule.from_catalog(find_model(DEFAULT_MODEL)),
        *(_to_device(sentences.encode_texts([""]))),
    )

    def draw_batch() -> DistillationBatch:
        batch = dataset.draw_batch(rng)
        text, mask = _to_device(sentences(batch.scenes, rng))
        return new_batch(batch.to(training_device()), text, mask, teacher.course, rng)

    distillation = Distillation(teacher, draw_batch)
    if compiled:
        for block in (*transformer.transformer_blocks, *distillation.student.transformer_blocks):
            block.compile(dynamic=True)
    file, optimiser = work / "turbo.pt", distillation.optimiser
    with TrainingLog("turbo", minutes, distillation.resume(file)) as log:
        while log.has_time_left():
            off, untaught = distillation.step(_learning_rate(rate, optimiser.steps, log.time_fraction))
            log.add_values(off=off, untaught=untaught)
            if log.write_when_due(optimiser.steps):
                distillation.save(file, log.seconds_spent)
        distillation.save(file, log.seconds_spent)


def export_adapter(work: Path, folder: Path) -> None:
    """Write the adapter into `folder`, the weights it belongs to, as diffusers lays out a LoRA.

    Where there is none, or it was learnt from another transformer than `work/transformer.pt` now holds, `folder` is
    left without: full quality in fewer steps beats an adapter that does not fit.
    """
    shutil.rmtree(folder / ADAPTER, ignore_errors=True)
    if not (file := work / "turbo.pt").exists():
        return
    state = torch.load(file)
    if state["teacher"] != _weights_digest(_freeze_transformer(train_transformer.load_transformer(work)[0])):
        print("turbo: learnt from another transformer, so not exported; train it some more")
        return
    write_adapter(state["optimiser"]["average"], folder / ADAPTER)


def write_adapter(weights: dict[str, Tensor], folder: Path) -> None:
    """Write a student's trained weights, by their names in it, as a LoRA in bfloat16."""
    layers = {name.replace(f".{ADAPTER}.", "."): weight.bfloat16().contiguous() for name, weight in weights.items()}
    LTXVideoLoraLoaderMixin.save_lora_weights(folder, transformer_lora_layers=layers)
    for file in folder.iterdir():
        file.chmod(0o644)  # some writers leave them readable by their owner alone


def _freeze_transformer(transformer: LTXVideoTransformer3DModel) -> LTXVideoTransformer3DModel:
    """The transformer rounded to bfloat16 as it ships, frozen."""
    rounded = transformer.to(training_device(), torch.bfloat16)
    return rounded.to(training_dtype()).requires_grad_(requires_grad=False)


def _to_device(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return pair[0].to(training_device()), pair[1].to(training_device())


def _weights_digest(transformer: LTXVideoTransformer3DModel) -> str:
    """A digest of the weights."""
    digest = hashlib.sha256()
    for weight in transformer.state_dict().values():
        digest.update(weight.float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _learning_rate(peak: float, step: int, progress: float) -> float:
    """Warm up over 20 steps, hold, and fall to nothing over the last half."""
    return peak * min(1.0, (step + 1) / 20, (1.02 - progress) / 0.5)
