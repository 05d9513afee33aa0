"""Several GPUs for one clip: each has a process with the same transformer, and they share the tokens of every forward
call by diffusers' context parallelism (Ulysses: each rank attends with some of the heads).

This process is rank 0 and the only one that knows of clips. The others (`engine.parallel.rank_main`) hold the
transformers alone and make the same calls, whose arguments are sent to them just before. They end with this process.
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

from engine.parallel.rank_processes import RankProcesses, RankStarter, start_rank
from engine.placement.offload import is_cross_attention
from engine.placement.policy import Placement
from engine.types import EngineError, LoraWeight

_UNSHAREABLE: Final = frozenset({"LTX2VideoTransformer3DModel"})
"""Transformers whose context-parallel plan in diffusers splits the video's tokens, but not the coordinates by which
their audio attends to them.
"""
_EXCHANGE_TIMEOUT: Final = timedelta(
    minutes=5
)  # for one exchange within a forward call; between calls the ranks wait without a limit


@dataclass(frozen=True, slots=True)
class RankConfig:
    """What a rank needs to join. `port` is that of the group's store on this machine; `loras` are (name, source) of the
    attached LoRAs.
    """

    rank: int
    port: int
    placement: Placement
    folder: Path
    transformers: tuple[str, ...]
    loras: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ForwardCall:
    """One forward call that all ranks make: the transformer, its active LoRAs, and the arguments. Of tensors it holds
    shapes and dtypes only; their contents are broadcast.
    """

    transformer: str
    loras: tuple[LoraWeight, ...]
    tensors: Mapping[str, tuple[tuple[int, ...], torch.dtype]]
    arguments: Mapping[str, Any]


def share_transformers(
    transformers: Mapping[str, Any],
    placement: Placement,
    folder: Path,
    loras: Sequence[tuple[str, str]],
    start: RankStarter = start_rank,
) -> None:
    """Make every forward call of these transformers in `placement.parallel` processes together, until the transformers
    are garbage-collected.

    The other ranks read the weights from `folder`. Raises EngineError `bad_setting` for a transformer that cannot be
    shared, and `model_broken` where another process fails to start; then all are ended. After a forward call has failed
    in any rank, no further one is possible.
    """
    for transformer in transformers.values():
        _context_parallel_plan(transformer)
    others = range(1, placement.parallel)
    processes = RankProcesses([start(rank) for rank in others], _abort_exchange)
    with ExitStack() as on_failure:
        on_failure.callback(_close_group, processes)
        store = TCPStore("127.0.0.1", 0, placement.parallel, is_master=True, wait_for_workers=False)
        processes.configure(
            *(RankConfig(rank, store.port, placement, folder, tuple(transformers), tuple(loras)) for rank in others)
        )
        join_group(0, store, placement, list(transformers.values()))
        on_failure.pop_all()
    processes.watch_failures()
    for name, transformer in transformers.items():
        transformer.forward = _shared_forward(processes, name, transformer, torch.device(placement.device))
    weakref.finalize(
        next(iter(transformers.values())), _close_group, processes
    ).atexit = False  # at exit the ranks end by themselves


def connect_store(port: int, world: int) -> Store:
    """Connect to the group's store on this machine, as a rank above 0."""
    return TCPStore("127.0.0.1", port, world, is_master=False)


def join_group(rank: int, store: Store, placement: Placement, transformers: Sequence[Any]) -> None:
    """Join the process group as `rank`, and set the transformers to work on its share of the tokens."""
    on_gpu = placement.device.partition(":")[0] == "cuda"
    if on_gpu:
        torch.cuda.set_device(rank)
    world = placement.parallel
    dist.init_process_group(
        "nccl" if on_gpu else "gloo", store=store, rank=rank, world_size=world, timeout=_EXCHANGE_TIMEOUT
    )
    for transformer in transformers:
        config = ContextParallelConfig(ulysses_degree=world, ulysses_anything=True)
        with _count_cpu_as_device():
            transformer.enable_parallelism(config=config, cp_plan=_context_parallel_plan(transformer))
        for name, layer in transformer.named_modules():
            if hasattr(layer, "set_processor") and is_cross_attention(name):
                layer.processor._parallel_config = None  # noqa: SLF001 (text is whole in every rank)


def broadcast_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """Broadcast rank 0's tensor to every rank, and return it."""
    contiguous = tensor.contiguous()
    dist.broadcast(contiguous.view(torch.uint8) if contiguous.dtype == torch.bool else contiguous, src=0)
    return contiguous


def _context_parallel_plan(transformer: Any) -> dict[str, Any]:
    """Diffusers' own plan, except that the text stays whole, so that it may have a mask, and that per-token noise
    levels are split like the tokens. Raises EngineError `bad_setting` where diffusers has no plan.
    """
    if not getattr(transformer, "_cp_plan", None) or type(transformer).__name__ in _UNSHAREABLE:
        reason = f"a {type(transformer).__name__} cannot be shared by several GPUs. Set it to 1."
        raise EngineError("bad_setting", f"The setting parallel cannot be done here: {reason}")
    plan = {
        module: {name: split for name, split in inputs.items() if not str(name).startswith("encoder")}
        if isinstance(inputs, dict)
        else inputs
        for module, inputs in transformer._cp_plan.items()  # noqa: SLF001 (a class attribute meant for callers)
    }
    per_token = {"timestep": ContextParallelInput(split_dim=1, expected_dims=2, split_output=False)}
    return {module: inputs for module, inputs in plan.items() if inputs} | {"": per_token | plan.get("", {})}


def _shared_forward(processes: RankProcesses, name: str, transformer: Any, device: torch.device) -> Callable[..., Any]:
    """The transformer's own forward call, sent to the other ranks first and complete on the device at its return."""
    own_forward, reference = transformer.forward, weakref.ref(transformer)

    def forward(**arguments: Any) -> Any:
        tensors = {key: value.to(device) for key, value in arguments.items() if isinstance(value, torch.Tensor)}
        rest = {key: value for key, value in arguments.items() if key not in tensors}
        shapes = {key: (tuple(value.shape), value.dtype) for key, value in tensors.items()}
        with processes.guard_forward():
            processes.send(ForwardCall(name, getattr(reference(), "active_loras", ()), shapes, rest))
            result = own_forward(**{key: broadcast_tensor(value) for key, value in tensors.items()}, **rest)
            if device.type == "cuda":  # work that is only queued has not failed yet
                torch.cuda.current_stream(device).synchronize()
            return result

    return forward


def _abort_exchange() -> None:
    """Abort the exchange in which this rank waits for a failed one. Gloo aborts it by itself."""
    if dist.is_initialized() and dist.get_backend() == "nccl":
        _abort_process_group()


def _close_group(processes: RankProcesses) -> None:
    processes.close()
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def _count_cpu_as_device() -> Iterator[None]:
    """Diffusers divides the ranks by the number of accelerators; without any, count the CPU as one."""
    count = torch.accelerator.device_count
    torch.accelerator.device_count = lambda: count() or 1
    try:
        yield
    finally:
        torch.accelerator.device_count = count
