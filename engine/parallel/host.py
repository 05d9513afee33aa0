"""The machine that models run on: reads its hardware, and puts modules on its devices.

It decides nothing and reads no files. Tests substitute a host that claims to have GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from engine.parallel import context_parallel
from engine.placement.hardware import look
from engine.placement.offload import arrange
from engine.placement.policy import Machine, Placement
from engine.types import EngineError


class Host:
    """The machine that this process runs on."""

    def look(self) -> Machine:
        """Read the hardware."""
        return look()

    def device(self, name: str) -> torch.device:
        """The torch device of this name. Raises EngineError `device_missing`."""
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            message = f"This machine has no torch device {name!r}: {error}"
            raise EngineError("device_missing", message) from error
        return device

    def put(self, module: torch.nn.Module, device: torch.device) -> None:
        """Move a module to the device. Raises torch.OutOfMemoryError."""
        module.to(device)

    def arrange(self, modules: Mapping[str, Any], placement: Placement) -> None:
        """As `engine.placement.offload.arrange`."""
        arrange(modules, placement)

    def share(
        self, transformers: Mapping[str, Any], placement: Placement, folder: Path, hung: Sequence[tuple[str, str]]
    ) -> None:
        """As `engine.parallel.context_parallel.share`."""
        context_parallel.share(transformers, placement, folder, hung)


HERE: Final = Host()
