"""The evaluation asks the real engine, here with tiny random weights, and scores what is right as right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.mini import evaluate
from engine.mini.dataset.scenes import Scene
from engine.mini.evaluation import scores
from engine.mini.evaluation.autoencoder import load_autoencoder
from engine.mini.evaluation.sampling import (
    ClipGenerator,
    EvaluationPrompt,
    ground_truth,
    held_out_prompts,
    image_condition,
    judge_prompt,
    peak_snr,
    through_codec,
)
from engine.runtime.engine import Engine
from engine.types import EngineConfig

BALL = EvaluationPrompt(Scene("ball", "red", "left", "hills", "sunset", x=-1.0, seed=3), "a red ball", "en")


@pytest.fixture
def clip_generator(config: EngineConfig) -> ClipGenerator:
    return ClipGenerator(Engine(config))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_a_generator_returns_the_engine_s_frames_and_keeps_the_time(clip_generator: ClipGenerator) -> None:
    true = ground_truth(BALL)
    frames = clip_generator.generate("a red ball", 1, conditions=[image_condition(true, 0), image_condition(true, -1)])
    assert frames.shape == (40, 96, 160, 3)
    assert frames.dtype == np.uint8
    assert clip_generator.clips == 1
    assert clip_generator.pace_summary.startswith("1 clips in full quality")


def test_the_main_table_has_every_motion_and_both_languages(clip_generator: ClipGenerator) -> None:
    section = evaluate.report_single(clip_generator, held_out_prompts(1))
    assert len(section.trials) == 1
    for row in (
        "| colour |",
        "| all of these |",
        "| bouncing |",
        "English (1) | French (0)",
        "| flicker, levels |",
        "| ghost, % |",
    ):
        assert row in section.text


def test_the_autoencoder_is_measured_by_itself(weights: Path) -> None:
    section = evaluate.report_autoencoder(load_autoencoder(weights), [BALL])
    assert section.trials[0].frames.shape == (40, 192, 320, 3)
    assert "of frame 0" in section.text


def test_a_drawn_clip_holds_together_for_twenty_seconds_and_another_does_not() -> None:
    film = ground_truth(BALL, frames=160)
    assert "from beginning to end: 100 %" in evaluate._accuracy_over_time([BALL], [film], [film])
    stopped = np.concatenate([film[:40], np.repeat(film[40:41], 120, axis=0)])
    told = evaluate._accuracy_over_time([BALL], [stopped], [film])
    assert "| motion | 100 % of 1 | 0 % of 1 |" in told
    assert "from beginning to end: 0 %" in told


def test_the_codec_costs_little() -> None:
    true = ground_truth(BALL)
    assert peak_snr(true, true) > 60
    assert 30 < peak_snr(through_codec(true)[0], true[0]) < 50


def test_a_contact_sheet_has_a_labelled_row_for_each_clip(tmp_path: Path) -> None:
    true = ground_truth(BALL)
    right, wrong = judge_prompt(BALL, true), judge_prompt(replace(BALL, prompt="« un œuf »"), true[::-1])
    scores.contact_sheet([right, wrong], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (6 * 160, 2 * (96 + scores.LABEL))
        label = np.asarray(sheet.convert("L"))[: scores.LABEL]
        assert label.min() < 100
        assert label.max() == 255
