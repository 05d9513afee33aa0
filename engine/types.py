"""The engine's public types: requests, results, events, configuration and errors.

Frozen values that pickle, since they cross a process boundary. No torch; the module imports in a millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Quality: TypeAlias = Literal["turbo", "full"]
Resize: TypeAlias = Literal["crop", "pad"]
Strength: TypeAlias = Literal["subtle", "mild", "strong"]
Stage: TypeAlias = Literal["loading", "encoding", "preparing", "denoising", "decoding", "saving"]

FailureCode: TypeAlias = Literal[
    "bad_request",
    "bad_condition",
    "model_unknown",
    "model_missing",
    "model_broken",
    "device_missing",
    "bad_setting",
    "lora_missing",
    "out_of_memory",
    "bad_frames",
    "refused_frames",
    "encode_failed",
    "disk_full",
]

FAILURES: Final[Mapping[FailureCode, bool]] = MappingProxyType(
    {
        "bad_request": False,  # the model cannot make a clip of this size, length or with these settings
        "bad_condition": False,  # an image or source video could not be read
        "model_unknown": False,  # no catalog entry has this name
        "model_missing": False,  # the weights are not where the catalog says
        "model_broken": False,  # the weights are there and cannot be read
        "device_missing": False,  # the configured device does not exist on this machine
        "bad_setting": False,  # a setting asks for what this machine cannot do
        "lora_missing": False,  # a LoRA that the request names cannot be read, or is for another model
        "out_of_memory": True,  # another worker, or the same one later, may have the room
        "bad_frames": False,  # the model produced frames that are no image; the same seed does it again
        "refused_frames": False,  # the operator's frame rule refused the frames; the same seed makes them again
        "encode_failed": True,  # the video codec refused a frame or a file
        "disk_full": True,  # there was no room for the result
    }
)
"""Failure codes of a job, and whether the same request may succeed when tried again."""


@dataclass(frozen=True, slots=True)
class ImageCondition:
    """An image that the clip passes through.

    `image` is an encoded PNG, JPEG, WebP or AVIF file. `frame` counts the clip's frames from 0; -1 is the last.
    A `strength` of 1.0 keeps the image, 0.0 ignores it; between the two the clip starts from a noised copy.
    `resize` applies when its aspect differs from the clip's: crop the edges, or pad with black bars.
    """

    image: bytes
    frame: int
    strength: float = 1.0
    resize: Resize = "crop"


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """Part of a source video: `frames` of it from its frame `start` on, placed at frame `at` of the clip.

    Frames are counted at the model's rate. `strength` holds values at equal distances from the first frame to the last,
    interpolated linearly: 1 throughout copies the pixels; below that the clip starts from a noised copy, and 0 leaves
    nothing of the source. An `edited` span is changed by the difference between the prompt and
    `Request.source_prompt` instead; the higher its strength, the less it changes.
    """

    video: Path
    start: int
    frames: int
    at: int
    strength: tuple[float, ...] = (1.0,)
    edited: bool = False

    @property
    def keeps_pixels(self) -> bool:
        """Whether its pixels are copied unchanged."""
        return not self.edited and min(self.strength) >= 1

    def strength_at(self, frame: float) -> float:
        """Its strength at a frame of the clip; 0 outside the span."""
        if not self.at <= frame <= self.at + self.frames - 1:
            return 0.0
        along = (frame - self.at) / max(1, self.frames - 1) * (len(self.strength) - 1)
        left = min(int(along), len(self.strength) - 2) if len(self.strength) > 1 else 0
        right = min(left + 1, len(self.strength) - 1)
        return self.strength[left] + (self.strength[right] - self.strength[left]) * (along - left)


@dataclass(frozen=True, slots=True)
class PromptSpan:
    """A `prompt` from frame `at` to frame `until`. From there the clip moves gradually to the prompt of the next span;
    where that begins at `until` itself, the clip cuts.
    """

    at: int
    until: int
    prompt: str


@dataclass(frozen=True, slots=True)
class LoraWeight:
    """A LoRA by name with its scale: 0 has no effect, 1 is what it was trained for."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """One clip to generate. `width` and `height` are pixels of the file; `seconds` of 0 is a still (one frame).

    `prompt_spans`, where there are any, replace `prompt`. The last frame of a `loop` leads to its first.
    `source_prompt` describes a source video that is edited, as far as that is known.
    `loras` are names of EngineConfig.loras for this model. Every frame of a `marked` clip carries Kinora's visible
    watermark, and so do its previews, poster, thumbnail and sprite sheet.
    `steps` and `guidance_scale` of None take the model's own for this `quality`. The same request with the
    same seed on the same machine gives the same frames.
    """

    model: str
    prompt: str
    width: int
    height: int
    seconds: float
    seed: int
    negative_prompt: str = ""
    quality: Quality = "full"
    conditions: tuple[ImageCondition, ...] = ()
    source_spans: tuple[SourceSpan, ...] = ()
    prompt_spans: tuple[PromptSpan, ...] = ()
    loop: bool = False
    source_prompt: str = ""
    steps: int | None = None
    guidance_scale: float | None = None
    loras: tuple[LoraWeight, ...] = ()
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The four files of a finished clip. `seconds` is exactly `frames / fps`."""

    video: Path
    poster: Path
    thumbnail: Path
    spritesheet: Path
    width: int
    height: int
    frames: int
    fps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Loading:
    """Weights are loading; `fraction` (0 to 1) is of the loading alone."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of the job. `fraction` (0 to 1) is of the whole job in seconds, and never decreases.

    `eta_seconds` is None until something was measured. `step` of `steps` and `window` of `windows` count from
    1 while denoising; a `step` of 0 means that the window has not begun.
    """

    stage: Stage
    fraction: float
    eta_seconds: float | None
    step: int
    steps: int
    window: int
    windows: int


@dataclass(frozen=True, slots=True)
class PreviewFrame:
    """A rough preview of the clip at `seconds`, which are still being denoised, as a small JPEG."""

    seconds: float
    file: Path


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished segment of the clip, fragmented MP4.

    `file` is the media segment from the end of the segment before up to `frames` of the clip (`seconds_done`).
    `init_file` is the initialization segment, with the same content for all segments. `state` is what a later
    attempt needs to continue after this segment; None where the family cannot resume.
    """

    index: int
    frames: int
    seconds_done: float
    init_file: Path
    file: Path
    state: Path | None = None


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """A segment that an earlier attempt has published, by the files of a Segment."""

    init_file: Path
    file: Path


@dataclass(frozen=True, slots=True)
class Resume:
    """Where to continue a clip: all published segments in order, and the `state` saved with the last.

    Files that are missing or do not fit are no error: the clip is then generated from its start.
    """

    segments: tuple[SegmentFiles, ...]
    state: Path


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of a job that succeeded."""

    result: Result


Event: TypeAlias = Loading | Progress | PreviewFrame | Segment | Done


@dataclass(frozen=True, slots=True)
class LoraSource:
    """A LoRA of a model, by the name that requests use. `source` is a folder, a .safetensors file or a hub id."""

    name: str
    model: str
    source: str


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Configuration of an engine process.

    `weights` maps a catalog name to a folder or hub id that replaces the catalog's own. `device` is
    "auto" or a torch device ("cpu", "cuda", "cuda:1", "mps"); `dtype` is "auto", "float32", "bfloat16" or
    "float16"; `threads` is how many CPU threads torch and the video codec may use, 0 for all that this
    process may run on. `offload` to `parallel` place a model on the machine; `engine.placement.policy` documents their
    values and "auto". `loras` are what requests may name, and `frame_rules` the operator's own rule for
    `engine.safety.rules.load_operator_rules`.
    """

    weights: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    offload: str = "auto"
    quantization: str = "auto"
    tiling: str = "auto"
    compile: str = "auto"
    attention: str = "auto"
    parallel: int = 1
    loras: tuple[LoraSource, ...] = ()
    frame_rules: str = ""


class JobCancelled(Exception):
    """The caller cancelled the job, and it has stopped."""


class EngineError(Exception):
    """A job failed for a known reason.

    `code` is one of FAILURES, `retryable` its value there, and the message one sentence for an operator.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code: FailureCode = code
        self.retryable = FAILURES[code]

    def __reduce__(self) -> tuple[type[EngineError], tuple[FailureCode, str]]:
        """Without this an exception with two arguments does not survive pickling."""
        return type(self), (self.code, str(self))
