"""Checkpoints small enough to commit: what a work folder has learnt beyond the weights that ship, in bfloat16.

Of each stage only the moving average is kept. Training goes on from it as well as from the masters: the optimiser's
momenta, which are lost, settle within a hundred steps.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from engine.mini.training import config, train_text
from engine.mini.training.muon import Muon
from engine.mini.training.progress import save_checkpoint
from engine.mini.training.unpack import unpack_weights

if TYPE_CHECKING:
    from pathlib import Path

PROGRESS: Final = "progress.json"
STAGES: Final = ("decoder", "transformer")
TEXT: Final = "text"


def pack_checkpoint(work: Path, folder: Path) -> None:
    """Write the averages of the stages that have run in `work`, its recipe, and the text encoder if it was trained."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(work / config.FILE, folder / config.FILE)
    progress: dict[str, dict[str, float]] = {}
    for stage in (*STAGES, TEXT):
        if not (state := _read_state(work / f"{stage}.pt")):
            continue
        progress[stage] = {"steps": state["optimiser"]["steps"], "seconds": round(state["spent"])}
        if stage == TEXT:
            train_text.write_compact(work, folder / TEXT)
        else:
            averages = {name: value.bfloat16().contiguous() for name, value in state["optimiser"]["average"].items()}
            save_file(averages, folder / f"{stage}.safetensors")
    (folder / PROGRESS).write_text(json.dumps(progress, indent=2) + "\n")


def restore_checkpoint(work: Path, folder: Path, weights: Path) -> None:
    """Fill a new work folder with the weights that ship, fitted to the checkpoint's recipe, and then with what the
    checkpoint holds. The minutes of a stage count on from where it was.

    Raises ValueError if `work` has been trained in already.
    """
    shutil.copy(folder / config.FILE, work / config.FILE)
    unpack_weights(work, weights)
    for stage, done in json.loads((folder / PROGRESS).read_text()).items():
        if stage == TEXT:
            train_text.replace_encoder(work, folder / TEXT, seconds=done["seconds"])
            continue
        state = torch.load(work / f"{stage}.pt", map_location="cpu") if (work / f"{stage}.pt").exists() else {}
        averages = load_file(folder / f"{stage}.safetensors")
        optimiser = Muon((name, nn.Parameter(value.float())) for name, value in averages.items()).state_dict()
        optimiser["steps"] = done["steps"]
        save_checkpoint(work / f"{stage}.pt", state | {"optimiser": optimiser, "spent": done["seconds"]})


def _read_state(file: Path) -> dict[str, Any]:
    """A stage's checkpoint, empty if it has not run or has only been unpacked."""
    state: dict[str, Any] = torch.load(file, map_location="cpu") if file.exists() else {}
    return state if state and state["optimiser"]["steps"] else {}
