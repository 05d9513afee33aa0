"""A packed checkpoint is small, and training goes on from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.mini import train
from engine.mini.training import checkpoint, train_text, train_vae
from engine.mini.training.components import new_text_encoder, new_transformer, new_vae, write_folder
from engine.mini.training.config import SMALL
from engine.mini.training.tokenizer import new_tokenizer

A_MOMENT = 0.005  # minutes: a stage takes at least one step however short it is
OLD = replace(
    SMALL,
    shapes=((96, 64),),
    channels=8,
    encoder=(8, 8, 16, 16),
    decoder=(8, 16, 32),
    layers=2,
    heads=1,
    crop=32,
    clips=1,
    pictures=1,
)
NEW = replace(OLD, cell=32, fps=24, crop=64, shapes=((128, 96),), decoder_layers=(2, 2, 4, 1), layers=3, grammar="wide")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped")
    tokenizer = new_tokenizer()
    write_folder(
        folder,
        vae=new_vae(OLD),
        transformer=new_transformer(OLD),
        text_encoder=new_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
    )
    return folder


@pytest.fixture(scope="module")
def trained(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder fitted to a larger recipe, with some decoder and text training."""
    work = tmp_path_factory.mktemp("trained")
    NEW.write(work)
    train.unpack_work(work, shipped, None)
    train_vae.train_vae(work, A_MOMENT, train_vae.DECODER)
    train_text.train_text_encoder(work, A_MOMENT)
    return work


def test_a_checkpoint_holds_only_what_was_trained(trained: Path, tmp_path: Path) -> None:
    checkpoint.pack_checkpoint(trained, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"recipe.json", "progress.json", "decoder.safetensors", "text"}


def test_a_restored_folder_has_the_trained_weights_and_trains_on(trained: Path, shipped: Path, tmp_path: Path) -> None:
    checkpoint.pack_checkpoint(trained, tmp_path / "packed")
    again = tmp_path / "again"
    again.mkdir()
    train.unpack_work(again, shipped, tmp_path / "packed")
    before, after = train_vae.load_vae(trained).state_dict(), train_vae.load_vae(again).state_dict()
    assert all(torch.allclose(before[name], after[name], atol=0.01, rtol=0.01) for name in before)
    assert len(train_text.load_text_encoder(again)[0]) == len(train_text.load_text_encoder(trained)[0])
    state = torch.load(again / "decoder.pt")
    assert state["optimiser"]["steps"] == torch.load(trained / "decoder.pt")["optimiser"]["steps"]
    train_vae.train_vae(again, state["spent"] / 60 + A_MOMENT, train_vae.DECODER)
    assert torch.load(again / "decoder.pt")["optimiser"]["steps"] > state["optimiser"]["steps"]
    spent = torch.load(again / "text.pt")["spent"]
    train_text.train_text_encoder(again, spent / 60 + A_MOMENT)
    assert torch.load(again / "text.pt")["optimiser"]["steps"] >= 1
    assert (again / train_text.ANCHOR).exists()
