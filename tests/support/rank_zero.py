"""Rank 0 of two, as a process of its own: a process group is for the whole process, and a test's lives on.

Arguments: the folder of weights, and one for a LoRA. It prints what it finds, word by word.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import LTXVideoTransformer3DModel
from diffusers.loaders import LTXVideoLoraLoaderMixin
from peft import LoraConfig, get_peft_model_state_dict

from engine.parallel import context_parallel, rank_processes
from engine.placement.lora import activate_loras, attach_lora
from engine.placement.policy import Placement
from engine.types import LoraWeight

TOKENS = 30


def read_transformer(weights: Path) -> Any:
    return LTXVideoTransformer3DModel.from_pretrained(weights / "transformer").eval()


@torch.inference_mode()
def run_forward(transformer: Any) -> torch.Tensor:
    """With a mask on the text and a noise level for each token."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[0, 3:] = False
    times = torch.full((2, TOKENS), 500.0)
    times[:, :10] = 0
    found: torch.Tensor = transformer(
        hidden_states=torch.randn(1, TOKENS, 16, generator=generator).expand(2, -1, -1),
        encoder_hidden_states=torch.randn(2, 7, 32, generator=generator),
        encoder_attention_mask=mask,
        timestep=times,
        video_coords=torch.rand(2, 3, TOKENS, generator=generator) * 10,
        return_dict=False,
    )[0]
    return found


def main(weights: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    alone, shared = read_transformer(weights), read_transformer(weights)
    drawn = LoraConfig(r=4, lora_alpha=4, init_lora_weights=False, target_modules=["to_q", "to_v"])
    alone.add_adapter(drawn, "made")
    LTXVideoLoraLoaderMixin.save_lora_weights(folder, get_peft_model_state_dict(alone, adapter_name="made"))
    alone = read_transformer(weights)
    attach_lora((alone, shared), "ink", str(folder))
    two = Placement(device="cpu", dtype="float32", parallel=2)
    context_parallel.share_transformers({"transformer": shared}, two, weights, [("ink", str(folder))], start_recorded)
    plain = compare_forwards("plain:", alone, shared, ())
    with_lora = compare_forwards("lora:", alone, shared, (LoraWeight("ink", 0.5),))
    report(*([] if torch.allclose(plain, with_lora) else ["changed"]))
    compare_forwards("after:", alone, shared, ())
    others = list(RANKS)
    del shared
    gc.collect()
    report("other:", "gone" if all(other.poll() == 0 for other in others) else "stays")


def compare_forwards(name: str, alone: Any, shared: Any, loras: tuple[LoraWeight, ...]) -> torch.Tensor:
    for transformer in (alone, shared):
        activate_loras(transformer, loras)
    expected, found = run_forward(alone), run_forward(shared)
    report(name, "same" if torch.allclose(expected, found, rtol=1e-4, atol=1e-5) else "different")
    return found


def report(*words: str) -> None:
    print(*words, flush=True)  # noqa: T201 (the test reads it)


def start_recorded(rank: int) -> Any:
    RANKS.append(rank_processes.start_rank(rank))
    return RANKS[-1]


RANKS: list[Any] = []

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
