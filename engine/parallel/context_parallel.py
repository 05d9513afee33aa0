"""Several GPUs for one clip: the same transformer in a process for each, which share the tokens of every pass by
diffusers' context parallelism (Ulysses: each attends with some of the heads).

This process is rank 0 and the only one that knows of clips. The others (`engine.parallel.rank_main`) hold the
transformer alone and make the same passes; what a pass gets is sent to them just before it. They end when this process
does.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import torch
import torch.distributed as dist
from diffusers import ContextParallelConfig
from diffusers.models._modeling_parallel import ContextParallelInput
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined] # public by its documentation
from torch.distributed.distributed_c10d import _abort_process_group

from engine.parallel.rank_processes import Crew, Start, start
from engine.placement.offload import crosses
from engine.placement.policy import Placement
from engine.types import EngineError, LoraWeight

_APART: Final = frozenset({"LTX2VideoTransformer3DModel"})
"""Diffusers' plan for these parts the tokens of the picture, and not the places by which their sound looks at it."""
_PATIENCE: Final = timedelta(minutes=5)  # for one exchange within a pass; between passes they wait for ever


@dataclass(frozen=True, slots=True)
class Seat:
    """What another process needs to join. `port` is where they find each other, on this machine; `hung` are LoRAs."""

    rank: int
    port: int
    placement: Placement
    folder: Path
    transformers: tuple[str, ...]
    hung: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass that all make: of which transformer, in which LoRAs, and what it gets. Tensors follow on the wire."""

    transformer: str
    worn: tuple[LoraWeight, ...]
    tensors: Mapping[str, tuple[tuple[int, ...], torch.dtype]]
    rest: Mapping[str, Any]


def share(
    transformers: Mapping[str, Any],
    placement: Placement,
    folder: Path,
    hung: Sequence[tuple[str, str]],
    start: Start = start,
) -> None:
    """Let `placement.parallel` processes make every pass of these transformers together, until they are let go.

    `folder` is where the others read the weights. Raises EngineError `bad_setting` for one that cannot be shared, and
    `model_broken` where another process does not come; then none stays. Once a pass has failed in any of them none can
    be made any more.
    """
    for transformer in transformers.values():
        _plan(transformer)
    others = range(1, placement.parallel)
    crew = Crew([start(rank) for rank in others], _abandon)
    with ExitStack() as unless_joined:
        unless_joined.callback(_leave, crew)
        store = TCPStore("127.0.0.1", 0, placement.parallel, is_master=True, wait_for_workers=False)
        crew.seat(*(Seat(rank, store.port, placement, folder, tuple(transformers), tuple(hung)) for rank in others))
        join(0, store, placement, list(transformers.values()))
        unless_joined.pop_all()
    crew.watch()
    for name, transformer in transformers.items():
        transformer.forward = _together(crew, name, transformer, torch.device(placement.device))
    weakref.finalize(next(iter(transformers.values())), _leave, crew).atexit = False  # then they end by themselves


def meet(port: int, world: int) -> Store:
    """Where the processes of a clip find each other, as one of the others comes to it."""
    return TCPStore("127.0.0.1", port, world, is_master=False)


def join(rank: int, store: Store, placement: Placement, transformers: Sequence[Any]) -> None:
    """Take this process's seat, and let the transformers work on its part of the tokens."""
    on_gpu = placement.device.partition(":")[0] == "cuda"
    if on_gpu:
        torch.cuda.set_device(rank)
    world = placement.parallel
    dist.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=rank, world_size=world, timeout=_PATIENCE)
    for transformer in transformers:
        config = ContextParallelConfig(ulysses_degree=world, ulysses_anything=True)
        with _a_processor_counts():
            transformer.enable_parallelism(config=config, cp_plan=_plan(transformer))
        for name, layer in transformer.named_modules():
            if hasattr(layer, "set_processor") and crosses(name):
                layer.processor._parallel_config = None  # noqa: SLF001 (text is whole in every process)


def exchange(tensor: torch.Tensor) -> torch.Tensor:
    """Rank 0's tensor, in every process."""
    whole = tensor.contiguous()
    dist.broadcast(whole.view(torch.uint8) if whole.dtype == torch.bool else whole, src=0)
    return whole


def _plan(transformer: Any) -> dict[str, Any]:
    """Diffusers' own plan, but that the text stays whole, so that it may come with a mask, and that noise levels which
    each token has for itself are parted like the tokens.
    """
    if not getattr(transformer, "_cp_plan", None) or type(transformer).__name__ in _APART:
        reason = f"a {type(transformer).__name__} cannot be shared by several GPUs. Set it to 1."
        raise EngineError("bad_setting", f"The setting parallel cannot be done here: {reason}")
    plan = {
        where: {what: how for what, how in parts.items() if not str(what).startswith("encoder")}
        if isinstance(parts, dict)
        else parts
        for where, parts in transformer._cp_plan.items()  # noqa: SLF001 (a class declares it for such as us)
    }
    each = {"timestep": ContextParallelInput(split_dim=1, expected_dims=2, split_output=False)}
    return {where: parts for where, parts in plan.items() if parts} | {"": each | plan.get("", {})}


def _together(crew: Crew, name: str, transformer: Any, device: torch.device) -> Callable[..., Any]:
    """The transformer's own pass, of which the others are told first, and which is over when it returns."""
    own, of = transformer.forward, weakref.ref(transformer)

    def forward(**named: Any) -> Any:
        tensors = {key: value.to(device) for key, value in named.items() if isinstance(value, torch.Tensor)}
        rest = {key: value for key, value in named.items() if key not in tensors}
        shapes = {key: (tuple(value.shape), value.dtype) for key, value in tensors.items()}
        with crew.unbroken():
            crew.say(Pass(name, getattr(of(), "worn", ()), shapes, rest))
            made = own(**{key: exchange(value) for key, value in tensors.items()}, **rest)
            if device.type == "cuda":  # what is only queued there has not failed yet
                torch.cuda.current_stream(device).synchronize()
            return made

    return forward


def _abandon() -> None:
    """Break off the exchange in which a GPU waits for one that has failed. Over gloo it breaks off by itself."""
    if dist.is_initialized() and dist.get_backend() == "nccl":
        _abort_process_group()


def _leave(crew: Crew) -> None:
    crew.leave()
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def _a_processor_counts() -> Iterator[None]:
    """Diffusers spreads ranks over accelerators and divides by their number; where there is none, it is one."""
    count = torch.accelerator.device_count
    torch.accelerator.device_count = lambda: count() or 1
    try:
        yield
    finally:
        torch.accelerator.device_count = count
