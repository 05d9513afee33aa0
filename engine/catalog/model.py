"""What a catalogue entry says about a model: the words, without the entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from engine.types import LoraWeight, Quality, Strength

Family: TypeAlias = Literal["ltx", "wan", "ltx2", "z_image"]
ImagePositions: TypeAlias = Literal["none", "first", "ends", "any"]
Schedule: TypeAlias = Literal["linear", "linear_quadratic"]
Operation: TypeAlias = Literal[
    "text_to_video",
    "image_to_video",
    "still",
    "keyframes",
    "storyboard",
    "remix",
    "edit",
    "extend",
    "recut",
    "blend",
    "loop",
]


REMIX_STRENGTHS: Final[Mapping[Strength, float]] = MappingProxyType({"subtle": 0.6, "mild": 0.4, "strong": 0.2})
EDIT_STRENGTHS: Final[Mapping[Strength, float]] = MappingProxyType({"subtle": 0.5, "mild": 0.25, "strong": 0.1})


class Size(NamedTuple):
    """Pixels; prints as people write it."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a model denoises at one quality.

    `sigmas` are the exact noise levels a distilled model was trained on (the step count is then theirs);
    without them `schedule` spreads `steps` levels. A `guidance_scale` of 1 runs no second, unguided pass;
    `guidance_low` is another one for the low noise levels of a model that has a second transformer for them.
    `adapter` is a folder beside the model's parts that holds a LoRA trained for these very steps; `plain` is what
    serves in its place where the weights come without one. `cache` lets a step skip most of the model where its first
    block answers nearly what it did at the step before: the relative difference that still counts as nearly, 0 for
    never. `loras` are those that a request names.
    """

    steps: int
    guidance_scale: float
    guidance_low: float | None = None
    schedule: Schedule = "linear"
    sigmas: tuple[float, ...] = ()
    adapter: str = ""
    without_adapter: Sampling | None = None
    cache: float = 0.0
    loras: tuple[LoraWeight, ...] = ()

    @property
    def lora_weights(self) -> tuple[LoraWeight, ...]:
        """What the transformer wears: its own adapter for these steps, and what the request names."""
        return (*((LoraWeight(self.adapter),) if self.adapter else ()), *self.loras)

    def for_adapters(self, adapters: Collection[str]) -> Sampling:
        """The same where its adapter is among `adapters` or it needs none, else the plain one."""
        return self if self.without_adapter is None or self.adapter in adapters else self.without_adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One entry. Sizes in pixels, lengths in seconds, memory in GB on the device with the weights loaded.

    `repo` is a hub id, or a folder of this package when `bundled`; without one, whoever runs the model brings a
    folder. `about` is what whoever chooses should know besides. `memory_estimated` says that `memory_gb` is no
    published figure but reckoned from the weights of all parts in bfloat16 and up to a fifth more.

    The file may have any even size up to
    `max_side`; what is denoised is `native`: one of `native_sizes` if the model was trained on fixed shapes,
    else a shape of at most `native_pixels` whose sides are multiples of `native_multiple`. A window has at
    most `window_frames` frames, a count of the form `frame_rule * k + 1`, and hands `context_latents` latent
    frames on to the next; a `whole` clip is one window however long it is. A decoder of `causal_decoder` looks
    back in time only, so that what it shows piece by piece is what it would show at once. `drawn` says that it makes
    flat drawings, which are enlarged with crisp edges.

    `conditions` says where pictures may lie: at the first frame, at either end, or anywhere; at `required_pictures`
    (-1 is the last frame) one must. Where pictures are not `loose` each is followed as it is, at full strength.

    `left` is how much of its source a remix starts from, the rest being noise, and `held` how firmly an edit holds
    on to it: at which noise a model decides on colours and shapes depends on its latents.
    """

    name: str
    title: str
    family: Family
    repo: str
    about: str = ""
    bundled: bool = False
    flat_drawings: bool = False
    created: int
    owner: str
    licence: str
    licence_url: str
    memory_gb: float
    memory_estimated: bool = True
    sizes: tuple[Size, ...]
    min_side: int
    max_side: int
    multiple: int = 2
    native_sizes: tuple[Size, ...] = ()
    native_pixels: int = 0
    native_multiple: int = 32
    fps: int
    temporal_compression: int = 8
    window_frames: int
    context_latents: int = 3
    single_window: bool = False
    causal_decoder: bool = False
    min_seconds: float = 1.0
    max_seconds: float
    max_prompt_tokens: int = 256
    sampling: Mapping[Quality, Sampling]
    operations: frozenset[Operation] = frozenset(get_args(Operation))
    image_positions: ImagePositions = "any"
    max_images: int = 8
    required_images: tuple[int, ...] = ()
    variable_strength: bool = True
    remix_strengths: Mapping[Strength, float] = field(default_factory=lambda: REMIX_STRENGTHS)
    edit_strengths: Mapping[Strength, float] = field(default_factory=lambda: EDIT_STRENGTHS)
    condition_noise: float = 0.0
    causal_time: bool = True
    decode_timestep: float = 0.0
    decode_noise: float = 0.0

    @property
    def default_size(self) -> Size:
        """The size a request gets that names none."""
        return self.sizes[0]

    @property
    def makes_videos(self) -> bool:
        """Whether it makes films at all, and not stills only."""
        return self.operations != {"still"}
