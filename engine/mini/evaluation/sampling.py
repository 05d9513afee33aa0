"""Where clips for evaluate.py come from: questions, the engine that answers them, the codec, the drawn truth."""

from __future__ import annotations

import io
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from PIL import Image

from engine.catalog.model import Size
from engine.catalog.registry import DEFAULT_MODEL
from engine.media.video_writer import VideoWriter
from engine.mini.dataset import captions
from engine.mini.dataset.renderer import render_clip
from engine.mini.dataset.scenes import COLOURS, FPS, MOTIONS, SECONDS, random_scene
from engine.mini.evaluation.scores import Trial, judge_trial
from engine.types import Done, ImageCondition, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.mini.dataset.arrays import ByteArray
    from engine.mini.dataset.scenes import Scene
    from engine.mini.dataset.vocabulary import Language
    from engine.runtime.engine import Engine
    from engine.types import Quality

NATIVE: Final = Size(160, 96)
FRAMES: Final = round(SECONDS * FPS)  # of a file of five seconds


@dataclass(frozen=True, slots=True)
class EvaluationPrompt:
    """A scene and its prompt."""

    scene: Scene
    prompt: str
    language: Language


@dataclass(slots=True)
class ClipGenerator:
    """A loaded engine with what its requests have in common, and how many seconds it took for how many clips."""

    engine: Engine
    size: Size = NATIVE
    quality: Quality = "full"
    seconds: float = 0.0
    clips: int = 0

    def generate(
        self, prompt: str, seed: int, *, length: float = SECONDS, conditions: Sequence[ImageCondition] = ()
    ) -> ByteArray:
        """The frames (frames, height, width, 3) of the file that the engine makes of a prompt."""
        request = Request(
            DEFAULT_MODEL, prompt, *self.size, length, seed, quality=self.quality, conditions=tuple(conditions)
        )
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            results = [e.result for e in self.engine.run(request, Path(folder), lambda: False) if isinstance(e, Done)]
            frames = read_frames(results[0].video)
        self.seconds, self.clips = self.seconds + time.monotonic() - began, self.clips + 1
        return frames

    @property
    def pace_summary(self) -> str:
        return f"{self.clips} clips in {self.quality} quality, {self.seconds / max(1, self.clips):.1f} s each"


def held_out_prompts(count: int, seed: int = 0, *, pair: bool = False) -> list[EvaluationPrompt]:
    """Held-out scenes and sentences; motions and colours come round evenly, languages by turns."""
    rng = np.random.default_rng([seed, 2 + pair])
    return [_held_out_prompt(number, rng, pair=pair) for number in range(count)]


def _held_out_prompt(number: int, rng: np.random.Generator, *, pair: bool) -> EvaluationPrompt:
    motion, colour = MOTIONS[number % 8], COLOURS[number // 2 % 9]
    language: Language = "en" if number // 8 % 2 == 0 else "fr"
    while True:
        scene = replace(random_scene(rng, pair=pair), motion=motion, colour=colour)
        possible = not (scene.second and scene.second[1] == colour) and (motion != "growing" or scene.size == "medium")
        if scene.held_out and possible:
            sentence, _ = captions.write_caption(scene, rng, language=language, held_out=True)
            return EvaluationPrompt(scene, sentence, language)


def generated_trials(generator: ClipGenerator, prompts: Sequence[EvaluationPrompt]) -> list[Trial]:
    """What the engine makes of each question, its number for a seed."""
    return [judge_prompt(prompt, generator.generate(prompt.prompt, seed)) for seed, prompt in enumerate(prompts)]


def ground_truth_trials(prompts: Sequence[EvaluationPrompt], size: Size = NATIVE) -> list[Trial]:
    """The judge's ceiling: the same scenes as rendered by the dataset."""
    return [judge_prompt(prompt, ground_truth(prompt, size)) for prompt in prompts]


def judge_prompt(prompt: EvaluationPrompt, frames: ByteArray) -> Trial:
    return judge_trial(prompt.scene, frames, prompt.prompt, prompt.language)


def ground_truth(prompt: EvaluationPrompt, size: Size = NATIVE, frames: int = FRAMES) -> ByteArray:
    return render_clip(prompt.scene, width=size.width, height=size.height, frames=frames).frames


def image_condition(frames: ByteArray, place: int) -> ImageCondition:
    """One of these frames as a picture that a clip must pass through."""
    buffer = io.BytesIO()
    Image.fromarray(frames[place]).save(buffer, "PNG")
    return ImageCondition(buffer.getvalue(), place)


def through_codec(frames: ByteArray) -> ByteArray:
    """The clip written to a file as the engine does, and read back: what no model can better."""
    with tempfile.TemporaryDirectory() as folder:
        with VideoWriter(Path(folder), frames.shape[2], frames.shape[1], FPS, len(frames)) as clip:
            clip.write_frames(frames)
        return read_frames(clip.result().video)


def read_frames(file: Path) -> ByteArray:
    """All frames of a video file, uint8 (frames, height, width, 3)."""
    with av.open(str(file)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


def peak_snr(ours: ByteArray, truth: ByteArray) -> float:
    """Peak signal to noise in dB."""
    error = np.square(ours.astype(np.float32) - truth.astype(np.float32)).mean()
    return float(10 * np.log10(255**2 / max(float(error), 1e-3)))
