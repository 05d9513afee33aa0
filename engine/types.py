"""What goes into the engine and what comes out: frozen values that cross a process boundary.

This module knows no torch and no files' contents; everything here pickles and imports in a millisecond.
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
        "bad_condition": False,  # an image to follow could not be read
        "model_unknown": False,  # no catalogue entry has this name
        "model_missing": False,  # the weights are not where the catalogue says
        "model_broken": False,  # the weights are there and cannot be read
        "device_missing": False,  # the configured device does not exist on this machine
        "bad_setting": False,  # a setting asks for what this machine cannot do
        "lora_missing": False,  # a LoRA that the request names cannot be read, or is for another model
        "out_of_memory": True,  # another worker, or the same one later, may have the room
        "bad_frames": False,  # the model produced numbers that are not a picture; the same seed does it again
        "refused_frames": False,  # the operator's rule does not let the frames leave; the same seed makes them again
        "encode_failed": True,  # the video codec refused a frame or a file
        "disk_full": True,  # there was no room for the result
    }
)
"""Every way a job can fail by name, and whether the same request may succeed when tried again."""


@dataclass(frozen=True, slots=True)
class ImageCondition:
    """A picture the clip passes through.

    `image` is an encoded PNG, JPEG or WebP file. `frame` counts the clip's frames from 0; -1 is the last.
    `strength` 1.0 keeps the picture, 0.0 ignores it; between the two it starts from a noised copy.
    `resize` says what happens when its shape differs from the clip's: cut the edges, or add black bars.
    """

    image: bytes
    frame: int
    strength: float = 1.0
    resize: Resize = "crop"


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """A stretch of a film sent in: `frames` of it from its frame `start` on, laid at frame `at` of the clip.

    Frames are counted at the model's rate. `strength` says how much of it stays, in values at equal distances from
    its first frame to its last with straight lines between: 1 throughout keeps its very pixels; below that the clip
    starts from a noised copy, and 0 leaves nothing of it. `edited` takes another way: the film changes by what the
    prompt says otherwise than `Request.source_prompt` does, the less the stronger the take.
    """

    video: Path
    start: int
    frames: int
    at: int
    strength: tuple[float, ...] = (1.0,)
    edited: bool = False

    @property
    def keeps_pixels(self) -> bool:
        """Whether its pixels stay as they are."""
        return not self.edited and min(self.strength) >= 1

    def strength_at(self, frame: float) -> float:
        """Its strength at a frame of the clip; 0 where it does not reach."""
        if not self.at <= frame <= self.at + self.frames - 1:
            return 0.0
        along = (frame - self.at) / max(1, self.frames - 1) * (len(self.strength) - 1)
        left = min(int(along), len(self.strength) - 2) if len(self.strength) > 1 else 0
        right = min(left + 1, len(self.strength) - 1)
        return self.strength[left] + (self.strength[right] - self.strength[left]) * (along - left)


@dataclass(frozen=True, slots=True)
class PromptSpan:
    """`prompt` from frame `at` to frame `until`. From there the clip moves to the next cue's prompt by degrees;
    where the next begins at `until` itself, it cuts.
    """

    at: int
    until: int
    prompt: str


@dataclass(frozen=True, slots=True)
class LoraWeight:
    """A LoRA by its name, and how much of it counts: 0 is nothing, 1 what it was trained for."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """One clip to make. `width`, `height` in pixels of the file; 0 `seconds` asks for a still (one frame).

    `cues`, where there are any, take the place of `prompt`. A `loop` goes on from its last frame to its first.
    `source_prompt` says what a film that is edited shows, as far as that is known.
    `loras` are names that EngineConfig.loras has for this model. All that a `marked` clip shows, previews and pictures
    beside it included, carries Kinora's visible mark.
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
    """Weights are being read; `fraction` (0 to 1) is of the loading alone."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the job is. `fraction` (0 to 1) is of the whole job in seconds, and never goes back.

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
    """What the clip will show at a second that is still being denoised, as a small JPEG: a guess, soon outdone."""

    seconds: float
    file: Path


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the clip can be watched: `file` holds what lies between the frames of the segment before and
    frame `frames` (`seconds_done`), and plays after `head`, whose content is the same for all. Both are fragmented MP4.

    `state` is what a later attempt needs to go on after it; None where nothing was kept for that.
    """

    index: int
    frames: int
    seconds_done: float
    init_file: Path
    file: Path
    state: Path | None = None


@dataclass(frozen=True, slots=True)
class PublishedSegment:
    """What an earlier attempt has published of a clip, as the files of a Segment."""

    init_file: Path
    file: Path


@dataclass(frozen=True, slots=True)
class Resume:
    """Where to go on with a clip: all pieces that are published, in their order, and the `state` handed over with
    the last. Files that are missing or do not fit are no error: the clip is then made from its start.
    """

    segments: tuple[PublishedSegment, ...]
    state: Path


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of a job that went well."""

    result: Result


Event: TypeAlias = Loading | Progress | PreviewFrame | Segment | Done


@dataclass(frozen=True, slots=True)
class LoraSource:
    """A LoRA for a model, by a name that requests use. `source` is a folder, a .safetensors file or a hub id."""

    name: str
    model: str
    source: str


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How this process runs models.

    `weights` maps a catalogue name to a folder or hub id that replaces the catalogue's own. `device` is
    "auto" or a torch device ("cpu", "cuda", "cuda:1", "mps"); `dtype` is "auto", "float32", "bfloat16" or
    "float16"; `threads` is how many CPU threads torch and the video codec may use, 0 for all that this
    process may run on. `offload` to `parallel` say how a model is put on the machine; what they take and what "auto"
    means is written in `engine.placement.policy`. `loras` are what requests may name, and `frame_rules` the operator's
    own rule as engine.safety.rules.plugged takes it.
    """

    weights: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    offload: str = "auto"
    quantisation: str = "auto"
    tiling: str = "auto"
    compile: str = "auto"
    attention: str = "auto"
    parallel: int = 1
    loras: tuple[LoraSource, ...] = ()
    frame_rules: str = ""


class JobCancelled(Exception):
    """The caller asked the job to stop, and it has stopped."""


class EngineError(Exception):
    """A job failed for a reason that has a name.

    `code` is one of FAILURES, `retryable` what that table says, and the text one sentence for an operator.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code: FailureCode = code
        self.retryable = FAILURES[code]

    def __reduce__(self) -> tuple[type[EngineError], tuple[FailureCode, str]]:
        """Without this an exception with two arguments does not survive pickling."""
        return type(self), (self.code, str(self))
