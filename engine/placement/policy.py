"""Decides how a model is placed on a machine, from the hardware, the model's needs and the operator's settings. Pure
arithmetic: `engine.placement.hardware` reads the hardware, `engine.placement.offload` applies the decision.

Every setting is "auto" unless the operator sets it. What auto means:

| setting      | auto                                                                                                |
|--------------|-----------------------------------------------------------------------------------------------------|
| device       | the first GPU, else Apple's, else the processor                                                     |
| dtype        | bfloat16 on a CUDA GPU (float16 overflows in T5) and on a CPU that multiplies matrices of it (2.2   |
|              | times as fast as float32, measured on the bundled model); float32 elsewhere: a CPU that has to      |
|              | emulate bfloat16 takes many times as long                                                           |
| quantization | with `offload`, the first way of the table in `engine.placement.memory` that is predicted to fit    |
| offload      | into nine tenths of the GPU's memory, and what it offloads into the machine's own: none, `model`    |
|              | (text encoders and transformers one at a time on the GPU) or `group` (layer by layer through the    |
|              | GPU). A way further after the device has run out of memory, until the table ends                    |
| tiling       | frames above 768x512 are decoded in tiles, and smaller ones when whole frames do not fit into       |
|              | memory; Wan's, which are decoded a few at a time, only in the latter case whatever their size       |
| compile      | on where it pays within a few clips: a model of 8 GB or more on a CUDA GPU of capability 8.0 or     |
|              | newer (nothing offloaded, quantized or parallel, no LoRA to change), with a compiler                |
| attention    | torch's own, which chooses among its kernels; FlashAttention 3 on a Hopper GPU that has the package |
| parallel     | 1: a worker for each GPU makes more clips than several GPUs for one. 0 is all GPUs there are        |

An explicit setting is applied or refused by name. CPUs and Apple's GPUs use host memory, so there is nothing to offload
to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, cast, get_args

from engine.catalog.model import Family, ModelEntry
from engine.placement.memory import (
    OFFLOADS,
    USABLE_GPU,
    USABLE_HOST,
    WAYS,
    MemoryPlan,
    Offload,
    Quantization,
    fitting_plans,
    predict_memory,
)
from engine.types import EngineConfig, EngineError

Kind: TypeAlias = Literal["cuda", "mps", "cpu"]
Tiling: TypeAlias = Literal["auto", "on", "off"]

PACKAGES: Final[Mapping[str, str]] = MappingProxyType({"int8": "torchao", "nf4": "bitsandbytes"})
"""The package behind each quantization that diffusers does not implement itself."""
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
"""Diffusers' attention backends that need no download at run time, and the package each needs."""
GPU_ONLY: Final = frozenset({"_native_cudnn", "_native_efficient", "flash", "_flash_3", "sage", "xformers"})
MASKLESS: Final = frozenset({"flash", "_flash_3", "_native_flash", "sage"})
"""Backends without mask support: where text is masked they serve self-attention only."""
_MASKED: Final[frozenset[Family]] = frozenset({"z_image"})
"""Families that attend to text and image jointly, so that the text mask covers everything."""
IN_PARALLEL: Final = frozenset({"native", "_native_cudnn", "_native_flash", "flash", "sage"})
"""Backends that diffusers' context parallelism works with."""

_MIN_COMPILED_GB: Final = 8.0  # GB


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The hardware of this process. Memory in GB; `memory` is that of the smallest GPU.

    `packages` are the importable ones that optional settings need; `compiler` says whether `torch.compile` has one.
    `cpu_bfloat16` says whether the CPU has instructions that multiply matrices of bfloat16 (AVX512-BF16, AMX).
    """

    kind: Kind
    gpus: int = 0
    memory: float = 0.0
    capability: tuple[int, int] = (0, 0)
    host_memory: float = 0.0
    packages: frozenset[str] = frozenset()
    compiler: bool = False
    cpu_bfloat16: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How one model is placed on the machine. `device` and `dtype` are torch's names.

    `parallel` is the number of GPUs that share every forward pass. `gpu_gb` is the peak predicted for the GPU, 0 where
    there is none, and `further` the number of other ways left to try when that was too little.
    """

    device: str
    dtype: str
    offload: Offload = "none"
    quantization: Quantization = "none"
    tiling: Tiling = "auto"
    compile: bool = False
    attention: str = "native"
    parallel: int = 1
    gpu_gb: float = 0.0
    further: int = 0

    @property
    def storage_device(self) -> str:
        """The device of weights that are not in use."""
        return self.device if self.offload == "none" else "cpu"

    def __str__(self) -> str:
        phrases = [f"on {self.device} in {self.dtype}", *self._memory_savings()]
        if self.gpu_gb:
            phrases.append(f"about {self.gpu_gb:.0f} GB at its peak")
        if self.parallel > 1:
            phrases.append(f"shared by {self.parallel} GPUs")
        if self.compile:
            phrases.append("compiled")
        if self.attention != "native":
            phrases.append(f"with {self.attention} attention")
        return ", ".join(phrases)

    def _memory_savings(self) -> list[str]:
        offloads = {"model": "one part at a time on the GPU", "group": "block by block through the GPU"}
        quantized = [] if self.quantization == "none" else [f"weights kept as {self.quantization}"]
        return [*quantized, offloads[self.offload]] if self.offload != "none" else quantized


def choose_placement(machine: Machine, model: ModelEntry, config: EngineConfig, rung: int = 0) -> Placement:
    """The placement of `model` by the table above; `rung` counts how many ways ran out of memory before.

    Raises EngineError `bad_setting` for a setting that this machine does not support, with the remedy, and
    `out_of_memory` for a model that no way of placing it fits into the machine's own memory.
    """
    kind = device_kind(machine, config)
    dtype = _one_of("dtype", config.dtype, ("auto", "float32", "bfloat16", "float16"))
    plain = Placement(
        device=kind if config.device == "auto" else config.device,
        dtype=dtype if dtype != "auto" else default_dtype(kind, cpu_bfloat16=machine.cpu_bfloat16),
        tiling=cast("Tiling", _one_of("tiling", config.tiling, get_args(Tiling))),
        attention=_resolve_attention(machine, kind, model, config),
        parallel=_resolve_parallel(machine, kind, config),
    )
    placed = _place_weights(machine, kind, model, config, plain, rung)
    return replace(placed, compile=_resolve_compile(machine, kind, model, config, placed))


def default_dtype(kind: Kind, *, cpu_bfloat16: bool) -> Literal["bfloat16", "float32"]:
    """The dtype in which a device of this kind is fastest, by torch's name."""
    return "bfloat16" if kind == "cuda" or (kind == "cpu" and cpu_bfloat16) else "float32"


def device_kind(machine: Machine, config: EngineConfig) -> Kind:
    """The kind of the machine's best device, or of the one in the settings. Raises EngineError `device_missing`."""
    named, _, number = config.device.partition(":")
    if named == "cuda" and int(number or 0) >= machine.gpus:
        raise EngineError("device_missing", f"There is no {config.device} here: {machine.gpus} CUDA GPUs are seen.")
    return machine.kind if named == "auto" else cast("Kind", named)


def _place_weights(
    machine: Machine, kind: Kind, model: ModelEntry, config: EngineConfig, plain: Placement, rung: int
) -> Placement:
    """Complete `plain` with quantization and offload."""
    offload = _resolve_offload(kind, config, plain)
    quantization = _resolve_quantization(machine, kind, config)
    if kind != "cuda" or plain.parallel > 1:
        none: Quantization = "none"
        return replace(plain, quantization=none if quantization == "auto" else quantization)
    width = 2.0 if plain.dtype == "float32" else 1.0
    candidates = [
        predict_memory(model, each_offload, each_quantization, width)
        for each_offload, each_quantization in _candidate_ways(machine, offload, quantization)
    ]
    plans = fitting_plans(candidates, machine.memory, machine.host_memory) or (
        candidates[:1] if config.offload != "auto" else []
    )
    if not plans:
        raise _too_large(machine, model, candidates)
    plan = plans[min(rung, len(plans) - 1)]
    further = max(0, len(plans) - 1 - rung)
    return replace(
        plain, offload=plan.offload, quantization=plan.quantization, gpu_gb=round(plan.gpu_gb, 1), further=further
    )


def _candidate_ways(
    machine: Machine, offload: Offload | Literal["auto"], quantization: Quantization | Literal["auto"]
) -> list[tuple[Offload, Quantization]]:
    """The ways that the settings leave open. nf4 is a way only where its package is installed."""
    if quantization in ("int8", "nf4"):
        ways: list[tuple[Offload, Quantization]] = [(each, quantization) for each in OFFLOADS]
    else:
        ways = [way for way in WAYS if quantization in ("auto", way[1])]
    possible = [way for way in ways if PACKAGES.get(way[1], "") in ("", *machine.packages)]
    return [way for way in possible if offload in ("auto", way[0])]


def _too_large(machine: Machine, model: ModelEntry, candidates: Sequence[MemoryPlan]) -> EngineError:
    """The error for a model that this machine cannot hold in any way, with what it would take."""
    least = min((plan.host_gb for plan in candidates if plan.offload != "none"), default=0.0)
    whole = min((plan.gpu_gb for plan in candidates if plan.offload == "none"), default=0.0)
    card = f" or a GPU with {whole / USABLE_GPU:.0f} GB" if whole else ""
    packed = "" if PACKAGES["nf4"] in machine.packages else f" Installing {PACKAGES['nf4']} lets it take less."
    return EngineError(
        "out_of_memory",
        f"{model.name} needs {least / USABLE_HOST:.0f} GB of memory beside its GPU{card}; this machine has "
        f"{machine.host_memory:.0f} GB and a GPU with {machine.memory:.0f} GB.{packed} Or serve a smaller model.",
    )


def _resolve_offload(kind: Kind, config: EngineConfig, plain: Placement) -> Offload | Literal["auto"]:
    wanted = _one_of("offload", config.offload, ("auto", *OFFLOADS))
    if wanted not in ("auto", "none") and kind != "cuda":
        raise _bad_setting("offload", wanted, "there is no GPU to offload from", "Leave it out, or set it to none.")
    if wanted not in ("auto", "none") and plain.parallel > 1:
        raise _bad_setting("offload", wanted, "every GPU of several keeps the transformer", "Set parallel to 1.")
    return cast("Offload", wanted)


def _resolve_quantization(machine: Machine, kind: Kind, config: EngineConfig) -> Quantization | Literal["auto"]:
    wanted = _one_of("quantization", config.quantization, ("auto", *get_args(Quantization)))
    if (package := PACKAGES.get(wanted)) and package not in machine.packages:
        raise _bad_setting(
            "quantization", wanted, f"{package} is not installed", f"Install {package}, or choose float8."
        )
    if wanted not in {"none", "auto"} and kind == "mps":
        raise _bad_setting("quantization", wanted, "Apple's GPUs have no such numbers", "Set it to none.")
    return cast("Quantization", wanted)


def _resolve_attention(machine: Machine, kind: Kind, model: ModelEntry, config: EngineConfig) -> str:
    wanted = _one_of("attention", config.attention, ("auto", *ATTENTIONS))
    if wanted == "auto":
        hopper = kind == "cuda" and machine.capability[0] == 9 and ATTENTIONS["_flash_3"] in machine.packages
        supported = model.family not in _MASKED and config.dtype != "float32" and config.parallel == 1
        return "_flash_3" if hopper and supported else "native"
    if (package := ATTENTIONS[wanted]) and package not in machine.packages:
        raise _bad_setting("attention", wanted, f"{package} is not installed", f"Install {package}, or choose native.")
    if wanted in GPU_ONLY and kind != "cuda":
        raise _bad_setting("attention", wanted, "it runs on CUDA GPUs only", "Choose native.")
    if wanted in MASKLESS and model.family in _MASKED:
        raise _bad_setting("attention", wanted, f"{model.name} masks its text, which it cannot", "Choose native.")
    if config.parallel != 1 and wanted not in IN_PARALLEL:
        can = ", ".join(sorted(IN_PARALLEL))
        raise _bad_setting("attention", wanted, "it cannot be shared by several GPUs", f"Choose one of {can}.")
    return wanted


def _resolve_parallel(machine: Machine, kind: Kind, config: EngineConfig) -> int:
    wanted = config.parallel or max(1, machine.gpus)
    if wanted < 1:
        raise _bad_setting("parallel", wanted, "it counts GPUs", "Set it to 1, to more, or to 0 for all there are.")
    if wanted > 1 and (kind != "cuda" or machine.gpus < wanted):
        raise _bad_setting(
            "parallel", wanted, f"this process sees {machine.gpus} CUDA GPUs", "Set it to what there is."
        )
    if wanted > 1 and ":" in config.device:
        raise _bad_setting("parallel", wanted, f"the device is {config.device} alone", "Leave the device out.")
    return wanted


def _resolve_compile(machine: Machine, kind: Kind, model: ModelEntry, config: EngineConfig, placed: Placement) -> bool:
    wanted = _one_of("compile", config.compile, ("auto", "on", "off"))
    if wanted == "on" and not machine.compiler:
        raise _bad_setting("compile", wanted, "torch.compile finds no compiler here", "Install one, or set it to off.")
    if wanted == "on" and placed.parallel > 1:
        raise _bad_setting("compile", wanted, "what several GPUs share is not compiled", "Set it to off.")
    if wanted != "auto":
        return wanted == "on"
    unmodified = placed.offload == "none" and placed.quantization == "none" and placed.parallel == 1
    has_loras = any(lora.model == model.name for lora in config.loras)
    supported = kind == "cuda" and machine.capability >= (8, 0) and machine.compiler
    return supported and unmodified and not has_loras and model.memory_gb >= _MIN_COMPILED_GB


def _one_of(setting: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise EngineError("bad_setting", f"The setting {setting} is one of {', '.join(known)}; not {value!r}.")
    return value


def _bad_setting(setting: str, value: object, reason: str, remedy: str) -> EngineError:
    return EngineError("bad_setting", f"The setting {setting}={value} cannot be done here: {reason}. {remedy}")
