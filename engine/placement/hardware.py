"""Reads the hardware and optional packages that this process has to run models on. It changes nothing, and knows no
model and no setting.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from typing import Any, Final

import torch

from engine.placement.policy import ATTENTIONS, PACKAGES, Machine

_GB: Final = 2.0**30
_CPU_ALLOCATOR: Final = "DefaultCPUAllocator"
"""The only mark of torch's error when host memory is full: its class is RuntimeError."""
_OPTIONAL: Final = (*PACKAGES.values(), *filter(None, ATTENTIONS.values()))


def inspect_machine() -> Machine:
    """The best device of this machine, its memory in GB, and the optional packages that can be imported."""
    packages = frozenset(name for name in _OPTIONAL if _is_importable(name))
    host_memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    if not torch.cuda.is_available():
        metal = torch.backends.mps.is_available()
        compiler = not metal and any(shutil.which(name) for name in ("g++", "clang++", "c++"))
        return Machine(
            kind="mps" if metal else "cpu",
            host_memory=host_memory,
            packages=packages,
            compiler=compiler,
            cpu_bfloat16=multiplies_bfloat16(torch.cpu.get_capabilities()),
        )
    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return Machine(
        kind="cuda",
        gpus=len(gpus),
        memory=min(gpu.total_memory for gpu in gpus) / _GB,
        capability=min((gpu.major, gpu.minor) for gpu in gpus),
        host_memory=host_memory,
        packages=packages,
        compiler=_is_importable("triton"),
        cpu_bfloat16=multiplies_bfloat16(torch.cpu.get_capabilities()),
    )


def multiplies_bfloat16(capabilities: Mapping[str, Any]) -> bool:
    """Whether a CPU of these `capabilities` (as `torch.cpu.get_capabilities` names them) multiplies matrices of
    bfloat16 itself. Others emulate it, many times slower than float32.
    """
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device's memory or the host's is exhausted."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or _CPU_ALLOCATOR in str(error)


def _is_importable(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
