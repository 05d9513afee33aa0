"""Turbo adapters with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.mini.training import train_turbo


def randomise_adapter(student: Any, strength: float = 0.1) -> dict[str, torch.Tensor]:
    """Give a student's adapter random weights, so that it changes something, and return them by name."""
    weights = {name: weight for name, weight in student.named_parameters() if weight.requires_grad}
    with torch.no_grad():
        for weight in weights.values():
            weight.copy_((torch.randn_like(weight) * strength).bfloat16())
    return weights


def write_turbo_adapter(transformer: Any, folder: Path) -> None:
    """Write an adapter for `transformer` into `folder`; always the same one."""
    torch.manual_seed(0)
    train_turbo.write_adapter(randomise_adapter(train_turbo.new_student(transformer)), folder)
