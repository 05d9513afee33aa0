"""How a model is put on a machine: from what the machine has, what the model needs and what the operator wants to one
frozen decision. Pure arithmetic; what carries it out is `engine.placement.offload`, what looks at the machine
`engine.placement.hardware`.

Every setting is "auto" unless the operator says otherwise. What auto means:

| setting      | auto                                                                                                |
|--------------|-----------------------------------------------------------------------------------------------------|
| device       | the first GPU, else Apple's, else the processor                                                     |
| dtype        | bfloat16 on a CUDA GPU (float16 overflows in T5), float32 elsewhere                                 |
| quantisation | none; float8 storage where otherwise blocks would have to travel to the GPU at every step and with  |
|              | it they need not (a step then takes 1.04 times as long, against 1.9 times: diffusers' benchmark)    |
| offload      | none where the model fits into nine tenths of the GPU's memory; `model` (of text encoders and       |
|              | transformers one at a time on the GPU) where the largest of them fits; else `group` (blocks follow   |
|              | each other through the GPU). One rung further after the device has run out of memory. Never where   |
|              | the machine's own memory could not hold the weights that rest there                                 |
| tiling       | frames above 768x512 are decoded in tiles, and smaller ones when whole frames find no room; Wan's,  |
|              | of which whole ones are decoded a few at a time, only then whatever their size                      |
| compile      | on where it pays within a few clips: a model of 8 GB and more that lies on a CUDA GPU of capability |
|              | 8.0 or newer as it is (nothing offloaded, cast or parallel, no LoRA to change), with a compiler     |
| attention    | torch's own, which chooses among its kernels; FlashAttention 3 on a Hopper GPU that has the package |
| parallel     | 1: a worker for each GPU makes more clips than several GPUs for one. 0 is all GPUs there are        |

An explicit setting is done or refused by name. On a processor and on Apple's GPUs, whose memory is the machine's own,
there is nowhere to offload to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, cast, get_args

from engine.catalog.model import Family, ModelEntry
from engine.types import EngineConfig, EngineError

Kind: TypeAlias = Literal["cuda", "mps", "cpu"]
Offload: TypeAlias = Literal["none", "model", "group"]
Quantisation: TypeAlias = Literal["none", "float8", "int8", "nf4"]
Tiling: TypeAlias = Literal["auto", "on", "off"]

OFFLOADS: Final = get_args(Offload)
"""From what is fastest to what takes least memory."""
PACKAGES: Final[Mapping[str, str]] = MappingProxyType({"int8": "torchao", "nf4": "bitsandbytes"})
"""Which package does a quantisation that diffusers does not do by itself."""
ATTENTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "native": "",
        "_native_cudnn": "",
        "_native_efficient": "",
        "_native_flash": "",
        "_native_math": "",
        "flex": "",
        "flash": "flash_attn",
        "_flash_3": "flash_attn_interface",
        "sage": "sageattention",
        "xformers": "xformers",
    }
)
"""Diffusers' attention backends that need no download while they run, and the package each needs."""
GPU_ONLY: Final = frozenset({"_native_cudnn", "_native_efficient", "flash", "_flash_3", "sage", "xformers"})
MASKLESS: Final = frozenset({"flash", "_flash_3", "_native_flash", "sage"})
"""Backends that take no mask: where text is attended to under one, they serve the rest."""
_MASKED: Final[frozenset[Family]] = frozenset({"z_image"})
"""Families that attend to text and picture together, so that a mask on the text is on all."""
IN_PARALLEL: Final = frozenset({"native", "_native_cudnn", "_native_flash", "flash", "sage"})
"""Backends that diffusers' context parallelism works with."""

_ROOM: Final = 0.9  # of a GPU's memory; the rest is for torch itself and what fragments
_SIZES: Final[Mapping[str, float]] = MappingProxyType({"none": 1.0, "float8": 0.6, "int8": 0.6, "nf4": 0.4})
"""What a quantised model needs of its memory: its large matrices shrink, norms and activations do not."""
_LARGEST: Final = 0.7
"""Of a model's memory, its largest part while it works: LTX-Video 2B's T5 encoder is 9.5 of 16 GB."""
_WORTH_COMPILING: Final = 8.0  # GB


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a process has to run models on. Memory in GB; `memory` is of the smallest of its `gpus`.

    `packages` are those of optional settings that can be imported; `compiler` says whether `torch.compile` has one.
    """

    kind: Kind
    gpus: int = 0
    memory: float = 0.0
    capability: tuple[int, int] = (0, 0)
    host_memory: float = 0.0
    packages: frozenset[str] = frozenset()
    compiler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How one model is put on the machine. `device` and `dtype` are torch's names.

    `parallel` GPUs share every pass. `movable` says that `offload` was not the operator's, so that it may go further.
    """

    device: str
    dtype: str
    offload: Offload = "none"
    quantisation: Quantisation = "none"
    tiling: Tiling = "auto"
    compile: bool = False
    attention: str = "native"
    parallel: int = 1
    movable: bool = False

    @property
    def home(self) -> str:
        """Where weights rest while nothing needs them."""
        return self.device if self.offload == "none" else "cpu"

    def __str__(self) -> str:
        words = [f"on {self.device} in {self.dtype}", *self._spared()]
        if self.parallel > 1:
            words.append(f"shared by {self.parallel} GPUs")
        if self.compile:
            words.append("compiled")
        if self.attention != "native":
            words.append(f"with {self.attention} attention")
        return ", ".join(words)

    def _spared(self) -> list[str]:
        offloads = {"model": "one part at a time on the GPU", "group": "block by block through the GPU"}
        said = [] if self.quantisation == "none" else [f"weights kept as {self.quantisation}"]
        return [*said, offloads[self.offload]] if self.offload != "none" else said


def choose(machine: Machine, model: ModelEntry, config: EngineConfig, least: Offload = "none") -> Placement:
    """The placement of `model` by the table above; `least` is the rung of offload that memory has forced already.

    Raises EngineError `bad_setting` for what this machine cannot do, with what to do instead.
    """
    kind = kind_of(machine, config)
    dtype = _one_of("dtype", config.dtype, ("auto", "float32", "bfloat16", "float16"))
    plain = Placement(
        device=kind if config.device == "auto" else config.device,
        dtype=dtype if dtype != "auto" else "bfloat16" if kind == "cuda" else "float32",
        tiling=cast("Tiling", _one_of("tiling", config.tiling, get_args(Tiling))),
        attention=_attention(machine, kind, model, config),
    )
    placed = _weights(machine, kind, model, config, replace(plain, parallel=_parallel(machine, kind, config)), least)
    return replace(placed, compile=_compiles(machine, kind, model, config, placed))


def lower(placement: Placement) -> Offload | None:
    """The next rung after running out of memory; None where there is none, or the operator has chosen."""
    further = OFFLOADS[OFFLOADS.index(placement.offload) + 1 :]
    on_gpu = placement.device.partition(":")[0] == "cuda"
    return further[0] if placement.movable and on_gpu and placement.parallel == 1 and further else None


def kind_of(machine: Machine, config: EngineConfig) -> Kind:
    """The machine's best device, or the one that the operator names. Raises EngineError `device_missing`."""
    named, _, number = config.device.partition(":")
    if named == "cuda" and int(number or 0) >= machine.gpus:
        raise EngineError("device_missing", f"There is no {config.device} here: {machine.gpus} CUDA GPUs are seen.")
    return machine.kind if named == "auto" else cast("Kind", named)


def _weights(
    machine: Machine, kind: Kind, model: ModelEntry, config: EngineConfig, plain: Placement, least: Offload
) -> Placement:
    """With how weights are kept, and where."""
    wanted = _one_of("offload", config.offload, ("auto", *OFFLOADS))
    if wanted not in ("auto", "none") and kind != "cuda":
        raise _refusal("offload", wanted, "there is no GPU to offload from", "Leave it out, or set it to none.")
    if wanted not in ("auto", "none") and plain.parallel > 1:
        raise _refusal("offload", wanted, "every GPU of several keeps the transformer", "Set parallel to 1.")
    quantised = _quantisation(machine, kind, config)
    scale = model.memory_gb * (2.0 if plain.dtype == "float32" and kind == "cuda" else 1.0)

    def rung(how: Quantisation) -> Offload:
        if wanted != "auto":
            return cast("Offload", wanted)
        needed = scale * _SIZES[how]
        if kind != "cuda" or plain.parallel > 1 or machine.host_memory < needed:
            return "none"
        return max(_fitting(machine.memory, needed), least, key=OFFLOADS.index)

    if quantised != "auto":
        return replace(plain, quantisation=quantised, offload=rung(quantised), movable=wanted == "auto")
    spares = kind == "cuda" and rung("none") == "group" and rung("float8") != "group"
    chosen: Quantisation = "float8" if spares else "none"
    return replace(plain, quantisation=chosen, offload=rung(chosen), movable=wanted == "auto")


def _fitting(memory: float, needed: float) -> Offload:
    room = memory * _ROOM
    return "none" if needed <= room else "model" if needed * _LARGEST <= room else "group"


def _quantisation(machine: Machine, kind: Kind, config: EngineConfig) -> Quantisation | Literal["auto"]:
    wanted = _one_of("quantisation", config.quantisation, ("auto", *get_args(Quantisation)))
    if (package := PACKAGES.get(wanted)) and package not in machine.packages:
        raise _refusal("quantisation", wanted, f"{package} is not installed", f"Install {package}, or choose float8.")
    if wanted not in {"none", "auto"} and kind == "mps":
        raise _refusal("quantisation", wanted, "Apple's GPUs have no such numbers", "Set it to none.")
    return cast("Quantisation", wanted)


def _attention(machine: Machine, kind: Kind, model: ModelEntry, config: EngineConfig) -> str:
    wanted = _one_of("attention", config.attention, ("auto", *ATTENTIONS))
    if wanted == "auto":
        hopper = kind == "cuda" and machine.capability[0] == 9 and ATTENTIONS["_flash_3"] in machine.packages
        fitting = model.family not in _MASKED and config.dtype != "float32" and config.parallel == 1
        return "_flash_3" if hopper and fitting else "native"
    if (package := ATTENTIONS[wanted]) and package not in machine.packages:
        raise _refusal("attention", wanted, f"{package} is not installed", f"Install {package}, or choose native.")
    if wanted in GPU_ONLY and kind != "cuda":
        raise _refusal("attention", wanted, "it runs on CUDA GPUs only", "Choose native.")
    if wanted in MASKLESS and model.family in _MASKED:
        raise _refusal("attention", wanted, f"{model.name} masks its text, which it cannot", "Choose native.")
    if config.parallel != 1 and wanted not in IN_PARALLEL:
        can = ", ".join(sorted(IN_PARALLEL))
        raise _refusal("attention", wanted, "it cannot be shared by several GPUs", f"Choose one of {can}.")
    return wanted


def _parallel(machine: Machine, kind: Kind, config: EngineConfig) -> int:
    wanted = config.parallel or max(1, machine.gpus)
    if wanted < 1:
        raise _refusal("parallel", wanted, "it counts GPUs", "Set it to 1, to more, or to 0 for all there are.")
    if wanted > 1 and (kind != "cuda" or machine.gpus < wanted):
        raise _refusal("parallel", wanted, f"this process sees {machine.gpus} CUDA GPUs", "Set it to what there is.")
    if wanted > 1 and ":" in config.device:
        raise _refusal("parallel", wanted, f"the device is {config.device} alone", "Leave the device out.")
    return wanted


def _compiles(machine: Machine, kind: Kind, model: ModelEntry, config: EngineConfig, placed: Placement) -> bool:
    wanted = _one_of("compile", config.compile, ("auto", "on", "off"))
    if wanted == "on" and not machine.compiler:
        raise _refusal("compile", wanted, "torch.compile finds no compiler here", "Install one, or set it to off.")
    if wanted == "on" and placed.parallel > 1:
        raise _refusal("compile", wanted, "what several GPUs share is not compiled", "Set it to off.")
    if wanted != "auto":
        return wanted == "on"
    as_it_is = placed.offload == "none" and placed.quantisation == "none" and placed.parallel == 1
    changing = any(lora.model == model.name for lora in config.loras)
    able = kind == "cuda" and machine.capability >= (8, 0) and machine.compiler
    return able and as_it_is and not changing and model.memory_gb >= _WORTH_COMPILING


def _one_of(setting: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise EngineError("bad_setting", f"The setting {setting} is one of {', '.join(known)}; not {value!r}.")
    return value


def _refusal(setting: str, value: object, reason: str, remedy: str) -> EngineError:
    return EngineError("bad_setting", f"The setting {setting}={value} cannot be done here: {reason}. {remedy}")
