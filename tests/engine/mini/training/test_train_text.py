"""The text encoder: trained from nothing, and continued with words that it lacked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.mini.dataset import captions
from engine.mini.training import train_text
from engine.mini.training.components import new_text_encoder
from engine.mini.training.config import SMALL
from engine.mini.training.tokenizer import new_tokenizer

A_MOMENT = 0.005  # minutes: a stage takes at least one step however short it is


@pytest.fixture
def work_folder(tmp_path: Path) -> Path:
    """A work folder with an encoder of the plain words, whose next stage wants the wide ones."""
    replace(SMALL, grammar="wide").write(tmp_path)
    tokenizer = new_tokenizer()
    tokenizer.save_pretrained(tmp_path / "text")
    new_text_encoder(len(tokenizer)).save_pretrained(tmp_path / "text")
    return tmp_path


def test_an_encoder_with_more_words_encodes_the_known_ones_as_before(work_folder: Path) -> None:
    known, encoder = train_text.load_text_encoder(work_folder)
    tokenizer = new_tokenizer(captions.WIDE)
    adapted = train_text.adapt_encoder(encoder, known, tokenizer)
    anchor = train_text.TextAnchor(known, encoder)
    assert len(tokenizer) > len(known)
    assert float(anchor.deviation(tokenizer, adapted, np.random.default_rng(0)).detach()) < 1e-6


def test_captions_that_the_two_tokenizers_split_differently_are_not_compared(work_folder: Path) -> None:
    known, encoder = train_text.load_text_encoder(work_folder)
    tokenizer = new_tokenizer(captions.WIDE)
    anchor = train_text.TextAnchor(known, train_text.adapt_encoder(encoder, known, known))
    adapted = train_text.adapt_encoder(encoder, known, tokenizer)
    rng = np.random.default_rng(0)
    assert all(float(anchor.deviation(tokenizer, adapted, rng).detach()) < 1e-6 for _ in range(30))


def test_a_new_word_starts_as_the_mean_of_the_letters_it_was_read_by(work_folder: Path) -> None:
    known, encoder = train_text.load_text_encoder(work_folder)
    tokenizer = new_tokenizer(captions.WIDE)
    adapted = train_text.adapt_encoder(encoder, known, tokenizer)
    letters = encoder.shared.weight[known("azure", add_special_tokens=False).input_ids]
    [azure] = tokenizer("azure", add_special_tokens=False).input_ids
    assert torch.allclose(adapted.shared.weight[azure], letters.mean(dim=0))


def test_the_stage_goes_on_where_it_stopped_and_keeps_its_anchor(work_folder: Path) -> None:
    before = (work_folder / "text/model.safetensors").read_bytes()
    train_text.train_text_encoder(work_folder, A_MOMENT)
    state = torch.load(work_folder / "text.pt")
    assert (work_folder / train_text.ANCHOR / "model.safetensors").read_bytes() == before
    train_text.train_text_encoder(work_folder, state["spent"] / 60 + A_MOMENT)
    assert torch.load(work_folder / "text.pt")["optimiser"]["steps"] > state["optimiser"]["steps"]
    assert (work_folder / train_text.ANCHOR / "model.safetensors").read_bytes() == before
    assert len(train_text.load_text_encoder(work_folder)[0]) == len(new_tokenizer(captions.WIDE))


def test_an_encoder_from_nothing_has_no_anchor(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    train_text.train_text_encoder(tmp_path, A_MOMENT)
    assert train_text.load_anchor(tmp_path) is None
