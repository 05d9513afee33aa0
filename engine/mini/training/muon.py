"""The optimiser: Muon for weight matrices, AdamW for everything else, on bfloat16 or float32 weights.

Steps are taken on a float32 master copy, so weights may live in bfloat16 (twice as fast on CPUs that have
it); a moving average of the masters is what gets shipped. Muon needs several times fewer steps than AdamW
on this model, measured on the VAE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from engine.mini.training.components import training_dtype


def orthogonalise_matrix(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The nearest matrix with singular values of about 1, by Newton-Schulz iterations in the dtype
    that this machine multiplies fastest: bfloat16 is precise enough.

    `matrix` is (..., rows, columns) with any number of matrices in front.
    """
    x = matrix.to(training_dtype())
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    nearest: Tensor = (x.mT if tall else x).to(matrix.dtype)
    return nearest


def _split_rows(matrix: Tensor) -> Tensor:
    """A wide convolution's matrix as several of at most 64 rows, which is ten times as fast to orthogonalise."""
    rows, columns = matrix.shape
    if columns < 1024 or rows <= 64:
        return matrix
    count = next(n for n in range(rows // 64, rows + 1) if n and rows % n == 0)
    return matrix.view(count, rows // count, columns)


class Muon:
    """Optimiser over named parameters. `names_adam` says which names are left to AdamW besides vectors.

    `step(rate)` takes one step from the parameters' gradients and clears them. `rate` is Muon's learning
    rate; AdamW gets `adam_share` of it. `average` holds the moving average under the parameters' names.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[str, nn.Parameter]],
        *,
        names_adam: tuple[str, ...] = (),
        adam_share: float = 0.15,
        momentum: float = 0.95,
        keep: float = 0.995,
    ) -> None:
        self.parameters = {name: p for name, p in parameters if p.requires_grad}
        self.matrices = {
            name for name, p in self.parameters.items() if p.ndim >= 2 and not any(a in name for a in names_adam)
        }
        self.master = {name: p.detach().float().clone() for name, p in self.parameters.items()}
        self.average = {name: m.clone() for name, m in self.master.items()}
        self.first = {name: torch.zeros_like(m) for name, m in self.master.items()}
        self.second = {n: torch.zeros_like(m) for n, m in self.master.items() if n not in self.matrices}
        self.adam_share, self.momentum, self.keep = adam_share, momentum, keep
        self.steps = 0

    @torch.no_grad()
    def step(self, rate: float) -> None:
        self.steps += 1
        gradients = {name: p.grad.float() for name, p in self.parameters.items() if p.grad is not None}
        for name, update in self._parameter_updates(gradients):
            self.master[name] -= rate * update
        keep = min(self.keep, self.steps / (self.steps + 10))
        for name in gradients:
            self.average[name].lerp_(self.master[name], 1 - keep)
            self.parameters[name].copy_(self.master[name])
            self.parameters[name].grad = None

    def _parameter_updates(self, gradients: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        """Matrices of one shape are orthogonalised as a batch, because each is small."""
        alike: dict[torch.Size, dict[str, Tensor]] = {}
        for name, gradient in gradients.items():
            if name not in self.matrices:
                yield name, self.adam_share * self._adam_update(name, gradient)
                continue
            first = self.first[name].mul_(self.momentum).add_(gradient)
            blocks = _split_rows((gradient + self.momentum * first).flatten(1))
            alike.setdefault(blocks.shape, {})[name] = blocks
        for shape, matrices in alike.items():
            scale = max(1.0, shape[-2] / shape[-1]) ** 0.5
            for name, update in zip(matrices, orthogonalise_matrix(torch.stack([*matrices.values()])), strict=True):
                yield name, (update * scale).view_as(gradients[name])

    def _adam_update(self, name: str, gradient: Tensor) -> Tensor:
        first = self.first[name].lerp_(gradient, 0.1)
        second = self.second[name].lerp_(gradient.square(), 0.02)
        unbiased = 1 - 0.9**self.steps, 1 - 0.98**self.steps
        return (first / unbiased[0]) / ((second / unbiased[1]).sqrt() + 1e-8)

    def restart_averages(self) -> None:
        """Reset masters and averages to the current parameters."""
        for name, parameter in self.parameters.items():
            self.master[name].copy_(parameter)
            self.average[name].copy_(parameter)

    def state_dict(self) -> dict[str, Any]:
        return {
            "master": self.master,
            "average": self.average,
            "first": self.first,
            "second": self.second,
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for group in ("master", "average", "first", "second"):
            for name, value in state[group].items():
                getattr(self, group)[name].copy_(value)
        self.steps = state["steps"]
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.master[name])
