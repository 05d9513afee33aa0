"""Types of a catalog entry: a model's limits, sizes and sampling. The entries themselves are listed in registry.py."""

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
    """Pixels; prints as 320x192."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSizes:
    """GB of a model's weights in bfloat16: all text encoders, each of the `transformers`, and the rest, which never
    leaves the device (autoencoders, image encoders, connectors, vocoders).
    """

    text: float
    transformer: float
    transformers: int = 1
    rest: float

    @property
    def total(self) -> float:
        return self.text + self.transformer * self.transformers + self.rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Denoising settings of a model at one quality.

    `sigmas` are the exact noise levels a distilled model was trained on (the step count is then theirs); without them
    `schedule` spreads `steps` levels. A `guidance_scale` of 1 runs no second, unguided pass; `guidance_low` is another
    one for the low noise levels of a model that has a second transformer for them. `adapter` is a folder beside the
    model's modules with a LoRA trained for these steps; `without_adapter` is used where the weights come without it.
    `guidance_rescale` mixes the guided prediction with one of the unguided contrast, 1 wholly and 0 not at all.
    `cache` is the threshold of First Block Cache: a step skips most of the model where the output of its first block
    differs from that of the step before by less than this relative difference; 0 turns it off. `loras` are those that
    a request names.
    """

    steps: int
    guidance_scale: float
    guidance_low: float | None = None
    guidance_rescale: float = 0.0
    schedule: Schedule = "linear"
    sigmas: tuple[float, ...] = ()
    adapter: str = ""
    without_adapter: Sampling | None = None
    cache: float = 0.0
    loras: tuple[LoraWeight, ...] = ()

    @property
    def has_exact_levels(self) -> bool:
        """Whether the noise levels are those that the model was trained or tuned for, which nothing may shift."""
        return bool(self.sigmas) or self.schedule == "linear_quadratic"

    @property
    def lora_weights(self) -> tuple[LoraWeight, ...]:
        """LoRAs active in the transformer: the adapter for these steps, and those of the request."""
        return (*((LoraWeight(self.adapter),) if self.adapter else ()), *self.loras)

    def for_adapters(self, adapters: Collection[str]) -> Sampling:
        """These settings if their adapter is among `adapters` or they need none, else `without_adapter`."""
        return self if self.without_adapter is None or self.adapter in adapters else self.without_adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One entry. Sizes in pixels, lengths in seconds, memory in GB on the device with the weights loaded.

    `repo` is a hub id, or a folder of this package when `bundled`; without one, the operator provides a folder.
    `about` is a note for those who choose a model. `memory_estimated` says that `memory_gb` is no published figure but
    computed from the weights of all modules in bfloat16 and up to a fifth more.

    The file may have any even size up to `max_side`; what is denoised is `native`: one of `native_sizes` if the model
    was trained on fixed shapes, else a shape of at most `native_pixels` whose sides are multiples of
    `native_multiple`. A window has at most `window_frames` frames, a count of the form `temporal_compression * k + 1`,
    and hands `context_latents` latents on to the next; a `single_window` model makes a clip in one window however long
    it is. Where there are `new_frames`, a window adds no more than those, so that a clip can be watched early. A
    `causal_decoder` looks back in time only, so that decoding in parts gives the same frames. `flat_drawings` are
    upscaled with crisp edges.

    `image_positions` says where images may be: at the first frame, at either end, or anywhere; at `required_images`
    (-1 is the last frame) there must be one. Without `variable_strength` each image is followed at full strength.

    `negative_prompt` is the one that the model is published with, for requests without one. `flow_shifts` are pairs of
    native pixels and the shift of noise levels published for sizes up to that, in rising order; the last one holds for
    larger sizes too, and without any the folder's own does. `image_crf` is the H.264 quality at which images are
    compressed before the model sees them: it was trained on frames of films, and a cleaner image stands still.
    `cross_timestep` says that sound and picture modulate each other by their own noise levels, as since LTX-2.3.

    `remix_strengths` are the shares of its source that a remix starts from, the rest being noise, and `edit_strengths`
    how firmly an edit keeps it: the noise level at which a model decides on colours and shapes depends on its latents.
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
    weights_gb: WeightSizes
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
    new_frames: int = 0
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
    negative_prompt: str = ""
    flow_shifts: tuple[tuple[int, float], ...] = ()
    image_crf: int = 0
    cross_timestep: bool = False
    condition_noise: float = 0.0
    causal_time: bool = True
    decode_timestep: float = 0.0
    decode_noise: float = 0.0

    @property
    def default_size(self) -> Size:
        """Size of a request without one."""
        return self.sizes[0]

    def flow_shift(self, pixels: int) -> float | None:
        """The published shift for a native size of so many pixels; None where the folder's own holds."""
        fitting = [shift for most, shift in self.flow_shifts if pixels <= most]
        return fitting[0] if fitting else self.flow_shifts[-1][1] if self.flow_shifts else None

    @property
    def makes_videos(self) -> bool:
        """Whether it makes videos, and not stills only."""
        return self.operations != {"still"}
