"""Last stage: a few unguided steps learn to land where twice as many guided ones do.

The trained transformer is the teacher and stays as it is; what learns is a LoRA on a copy of it, small enough to
ship beside the weights and to be switched on for one clip and off for the next. Clips are carried from noise to
picture by what the student makes of them, and at every step the teacher shows where it would have gone from there:
so the student learns in the very states it will meet, its own mistakes among them.
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
from engine.mini.training.components import training_device
from engine.mini.training.latent_dataset import CaptionEncoder, LatentBatch, LatentDataset
from engine.mini.training.muon import Muon
from engine.mini.training.progress import TrainingLog

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import LTXVideoTransformer3DModel

ADAPTER: Final = "turbo"
RANK: Final = 32
BATCHES: Final = 8  # batches under way at once, each at a step of its own: neighbouring lessons then differ
FROM_NOISE: Final = 0.7  # share of batches that begin as a clip asked for does; the rest are drawn clips, noised


@dataclass(frozen=True, slots=True)
class StepSchedule:
    """The student's noise `levels`, from 1 down to 0, and what the teacher does between two of them: `substeps`
    Euler steps under `guidance`.
    """

    levels: tuple[float, ...]
    substeps: int
    guidance: float

    @classmethod
    def from_catalogue(cls, model: ModelEntry) -> StepSchedule:
        """As the catalogue has the two qualities sampled."""
        few, full = model.sampling["turbo"], model.sampling["full"]
        return cls((*noise_levels(few).tolist(), 0.0), round(full.steps / few.steps), full.guidance_scale)


@dataclass(slots=True)
class DistillationBatch:
    """A batch of clips on their way from noise to picture; `x` stands before the student's step number `step`.

    `x` (batch, tokens, channels) float32; `ceiling` (batch, tokens) the most noise each gets, 0 where it is given;
    `coordinates` (batch, 3, tokens); `text` (batch, length, width) and `mask` (batch, length) say what is asked for.
    """

    x: Tensor
    step: int
    ceiling: Tensor
    coordinates: Tensor
    text: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Teacher:
    """The full model, what it teaches, and the encoded empty prompt (1, length, width) that guidance departs from."""

    transformer: LTXVideoTransformer3DModel
    course: StepSchedule
    text: Tensor
    mask: Tensor

    @torch.no_grad()
    def target_flow(self, lane: DistillationBatch) -> tuple[Tensor, Tensor]:
        """(the flow that leads in one step of the student's to where the teacher's own steps end; the flow that the
        teacher sees at first without guidance, which is all that an untaught student would say).
        """
        level, end = self.course.levels[lane.step : lane.step + 2]
        x, nothing = lane.x, (self.text.expand(len(lane.x), -1, -1), self.mask.expand(len(lane.x), -1))
        seen, decided = [], free_tokens(lane, level)
        for now, then in pairwise(np.linspace(level, end, self.course.substeps + 1).tolist()):
            without = predict_flow(self.transformer, lane, x, now, *nothing)
            seen.append(towards := predict_flow(self.transformer, lane, x, now, lane.text, lane.mask))
            x = x - (now - then) * decided * (without + self.course.guidance * (towards - without))
        return (lane.x - x) / (level - end), seen[0]


def predict_flow(
    transformer: LTXVideoTransformer3DModel,
    lane: DistillationBatch,
    x: Tensor,
    level: float,
    text: Tensor,
    mask: Tensor,
) -> Tensor:
    """What the transformer says of `x` at this noise level, float32; no token is told more noise than its ceiling."""
    said: Tensor = transformer(
        hidden_states=x.to(transformer.dtype),
        encoder_hidden_states=text.to(transformer.dtype),
        timestep=1000 * lane.ceiling.clamp(max=level),
        encoder_attention_mask=mask,
        video_coords=lane.coordinates,
        return_dict=False,
    )[0]
    return said.float()


def free_tokens(lane: DistillationBatch, level: float) -> Tensor:
    """(batch, tokens, 1): 1 where the model decides at this noise level, 0 what was given or waits for its own."""
    return (lane.ceiling >= level)[..., None].float()


def new_batch(
    batch: LatentBatch, text: Tensor, mask: Tensor, course: StepSchedule, rng: np.random.Generator
) -> DistillationBatch:
    """Pure noise around what is given, or the drawn clips themselves at a level further down."""
    step = 0 if rng.random() < FROM_NOISE else int(rng.integers(1, len(course.levels) - 1))
    level = batch.ceiling.clamp(max=course.levels[step])[..., None]
    x = torch.lerp(train_transformer.noise_conditions(batch), torch.randn_like(batch.clean), level)
    return DistillationBatch(x, step, batch.ceiling, batch.coordinates, text, mask)


def new_student(transformer: LTXVideoTransformer3DModel) -> LTXVideoTransformer3DModel:
    """A copy under a LoRA on every linear layer, the only thing that learns; as yet it changes nothing."""
    student = copy.deepcopy(transformer).requires_grad_(requires_grad=False)
    linear = [name for name, module in student.named_modules() if isinstance(module, nn.Linear)]
    student.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=linear), ADAPTER)
    return student


def distillation_loss(
    teacher: Teacher, student: LTXVideoTransformer3DModel, lane: DistillationBatch
) -> tuple[Tensor, Tensor]:
    """(how far the student is from its teacher, how far it was before all lessons), and one step of the lane,
    taken as the student would.
    """
    level, end = teacher.course.levels[lane.step : lane.step + 2]
    shown, untaught = teacher.target_flow(lane)
    said, decided = predict_flow(student, lane, lane.x, level, lane.text, lane.mask), free_tokens(lane, level)
    lane.x = lane.x - (level - end) * decided * said.detach()
    lane.step += 1
    off, before = (((each - shown).square() * decided).sum() for each in (said, untaught))
    count = decided.sum().clamp(min=1) * said.shape[-1]  # all may still wait
    return off / count, before / count


class Distillation:
    """A teacher, its student, and the lanes they work on; `draw` gives new ones."""

    def __init__(self, teacher: Teacher, draw: Callable[[], DistillationBatch]) -> None:
        self.teacher, self.draw = teacher, draw
        self.student = new_student(teacher.transformer)
        self.optimiser = Muon(self.student.named_parameters())
        self.lanes = [draw() for _ in range(BATCHES)]
        self.rng = np.random.default_rng()

    def step(self, rate: float) -> tuple[float, float]:
        """One lesson on one lane, and how far off it found the student and an untaught one."""
        which = int(self.rng.integers(BATCHES))
        off, untaught = distillation_loss(self.teacher, self.student, self.lanes[which])
        off.backward()
        self.optimiser.step(rate)
        if self.lanes[which].step == len(self.teacher.course.levels) - 1:
            self.lanes[which] = self.draw()  # it has arrived
        return float(off.detach()), float(untaught)

    def save(self, file: Path, spent: float) -> None:
        """Keep what was learnt, from whom, and in how many seconds."""
        state = {"optimiser": self.optimiser.state_dict(), "spent": spent, "teacher": self._teacher_digest()}
        torch.save(state, file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)

    def resume(self, file: Path) -> float:
        """Take up what `file` holds, if it exists. The seconds it took, 0 if another teacher gave them."""
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
    library, sentences, rng = LatentDataset(work, share=0.5), CaptionEncoder(work), np.random.default_rng()
    transformer, library.mean, library.deviation = train_transformer.load_transformer(work)
    train_transformer.use_plain_attention(transformer)
    teacher = Teacher(
        _freeze_transformer(transformer),
        StepSchedule.from_catalogue(find_model(DEFAULT_MODEL)),
        *(_to_device(sentences.encode_texts([""]))),
    )

    def draw_batch() -> DistillationBatch:
        batch = library.draw_batch(rng)
        text, mask = _to_device(sentences(batch.scenes, rng))
        return new_batch(batch.to(training_device()), text, mask, teacher.course, rng)

    distillation = Distillation(teacher, draw_batch)
    if compiled:
        for block in (*transformer.transformer_blocks, *distillation.student.transformer_blocks):
            block.compile(dynamic=True)
    file, optimiser = work / "turbo.pt", distillation.optimiser
    with TrainingLog("turbo", minutes, distillation.resume(file)) as journal:
        while journal.has_time_left():
            off, untaught = distillation.step(_learning_rate(rate, optimiser.steps, journal.time_fraction))
            journal.add_values(off=off, untaught=untaught)
            if journal.write_when_due(optimiser.steps):
                distillation.save(file, journal.seconds_spent)
        distillation.save(file, journal.seconds_spent)


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
    """In the numbers that ship, and not to be changed."""
    return transformer.to(training_device(), torch.bfloat16).requires_grad_(requires_grad=False)


def _to_device(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return pair[0].to(training_device()), pair[1].to(training_device())


def _weights_digest(transformer: LTXVideoTransformer3DModel) -> str:
    """The same for the same weights, wherever they lie."""
    digest = hashlib.sha256()
    for weight in transformer.state_dict().values():
        digest.update(weight.float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _learning_rate(peak: float, step: int, progress: float) -> float:
    """Warm up over 20 steps, hold, and fall to nothing over the last half."""
    return peak * min(1.0, (step + 1) / 20, (1.02 - progress) / 0.5)
