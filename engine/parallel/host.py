"""The machine that models run on: reads its hardware, and puts modules on its devices.

It decides nothing and reads no files. Tests substitute a host that claims to have GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from engine.parallel import context_parallel
from engine.placement.hardware import inspect_machine
from engine.placement.offload import arrange_modules
from engine.placement.policy import Machine, Placement
from engine.types import EngineError


class Host:
    """The machine that this process runs on."""

    def inspect_machine(self) -> Machine:
        """Read the hardware."""
        return inspect_machine()

    def torch_device(self, name: str) -> torch.device:
        """The torch device of this name. Raises EngineError `device_missing`."""
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            message = f"This machine has no torch device {name!r}: {error}"
            raise EngineError("device_missing", message) from error
        return device

    def place_module(self, module: torch.nn.Module, device: torch.device) -> None:
        """Move a module to the device. Raises torch.OutOfMemoryError."""
        module.to(device)

    def arrange_modules(self, modules: Mapping[str, Any], placement: Placement) -> None:
        """As `engine.placement.offload.arrange_modules`."""
        arrange_modules(modules, placement)

    def share_transformers(
        self, transformers: Mapping[str, Any], placement: Placement, folder: Path, loras: Sequence[tuple[str, str]]
    ) -> None:
        """As `engine.parallel.context_parallel.share`."""
        context_parallel.share_transformers(transformers, placement, folder, loras)


THIS_HOST: Final = Host()
