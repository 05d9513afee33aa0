"""The stages that make the bundled model, from drawn clips to a folder the engine runs, at a thousandth of the size."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.catalog.registry import DEFAULT_MODEL, find_model
from engine.loading.loader import locate_weights
from engine.mini import train
from engine.mini.dataset.scenes import random_scene
from engine.mini.training import (
    encode_latents,
    train_text,
    train_transformer,
    train_turbo,
    train_vae,
    unpack,
    vae_dataset,
)
from engine.mini.training.config import SMALL, TrainingConfig
from engine.mini.training.latent_dataset import CaptionEncoder, LatentBatch, LatentDataset, token_coordinates
from engine.mini.training.muon import Muon, orthogonalise_matrix
from engine.runtime.engine import Engine
from engine.types import Done, EngineConfig, Request

A_MOMENT = 0.005  # minutes: a stage takes at least one step however short it is
TINY = replace(
    SMALL,
    shapes=((96, 64), (64, 96)),
    channels=8,
    encoder=(8, 8, 16, 16),
    decoder=(8, 16, 32),
    layers=2,
    heads=1,
    crop=32,
    clips=1,
    pictures=1,
    tokens=300,
)


@pytest.fixture(scope="module")
def work_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which every stage up to the transformer has run."""
    folder = tmp_path_factory.mktemp("work")
    TINY.write(folder)
    train_vae.train_vae(folder, A_MOMENT)
    train_text.train_text_encoder(folder, A_MOMENT)
    for seed in range(40):
        encode_latents.write_shards(folder, 1e-6, seed=seed)
        if len({encode_latents.read_shard(file).beginning for file in (folder / "latents").iterdir()}) == 4:
            break
    train_transformer.train_transformer(folder, A_MOMENT, compiled=False)
    return folder


@pytest.fixture
def batches(work_folder: Path) -> list[LatentBatch]:
    library, rng = LatentDataset(work_folder), np.random.default_rng(0)
    return [library.draw_batch(rng) for _ in range(60)]


def test_a_trained_folder_makes_a_clip(work_folder: Path, tmp_path: Path) -> None:
    train.export_weights(work_folder, tmp_path / "weights")
    engine = Engine(EngineConfig(weights={DEFAULT_MODEL: str(tmp_path / "weights")}, threads=1))
    request = Request(DEFAULT_MODEL, "a red ball moves left", 160, 96, 1.0, seed=1, steps=1)
    *_, last = engine.run(request, tmp_path / "out", lambda: False)
    assert isinstance(last, Done)
    assert last.result.frames == 8


def test_stages_go_on_where_they_stopped(work_folder: Path) -> None:
    plain = partial(train_transformer.train_transformer, compiled=False)
    for stage, file in ((train_vae.train_vae, "vae.pt"), (plain, "transformer.pt")):
        before = torch.load(work_folder / file)
        stage(work_folder, before["spent"] / 60 + A_MOMENT)
        after = torch.load(work_folder / file)
        assert after["optimiser"]["steps"] > before["optimiser"]["steps"]
        assert after["spent"] > before["spent"]


def test_what_ships_can_be_taken_apart_and_trained_on(work_folder: Path, tmp_path: Path) -> None:
    train_turbo.train_adapter(work_folder, A_MOMENT, compiled=False)
    train.export_weights(work_folder, tmp_path / "shipped")
    again = tmp_path / "again"
    again.mkdir()
    TINY.write(again)
    unpack.unpack_weights(again, tmp_path / "shipped")
    state = torch.load(again / "turbo.pt")["optimiser"]
    written = tmp_path / "turbo"
    train_turbo.write_adapter(state["average"], written)
    train.export_weights(again, tmp_path / "the same")
    for file in (tmp_path / "shipped").rglob("*.safetensors"):
        folder = tmp_path / ("turbo" if file.parent.name == "turbo" else f"the same/{file.parent.name}")
        assert file.read_bytes() == (folder / file.name).read_bytes(), file
    with pytest.raises(ValueError, match=r"holds transformer\.pt, turbo\.pt, vae\.pt already"):
        unpack.unpack_weights(again, tmp_path / "shipped")
    (again / "latents").symlink_to(work_folder / "latents")
    train_transformer.train_transformer(again, A_MOMENT, compiled=False)
    assert torch.load(again / "transformer.pt")["optimiser"]["steps"] >= 1


def test_weights_of_another_size_are_not_taken_apart(work_folder: Path, tmp_path: Path) -> None:
    train.export_weights(work_folder, tmp_path / "shipped")
    TrainingConfig.write(SMALL, tmp_path)
    with pytest.raises(ValueError, match=r"another recipe|layers"):
        unpack.unpack_weights(tmp_path, tmp_path / "shipped")


def test_turbo_ships_with_the_transformer_it_was_learnt_from(work_folder: Path, tmp_path: Path) -> None:
    train_turbo.train_adapter(work_folder, A_MOMENT, compiled=False)
    train.export_weights(work_folder, tmp_path)
    mini = find_model(DEFAULT_MODEL)
    assert locate_weights(mini, EngineConfig(weights={DEFAULT_MODEL: str(tmp_path)})).adapters == {
        mini.sampling["turbo"].adapter
    }


def test_the_decoder_stage_leaves_every_latent_as_it_is(work_folder: Path) -> None:
    before = train_vae.load_vae(work_folder)
    train_vae.train_vae(work_folder, A_MOMENT, train_vae.DECODER)
    after = train_vae.load_vae(work_folder)
    video = torch.randn(1, 3, 9, 32, 32)
    with torch.no_grad():
        assert torch.equal(before.encode(video).latent_dist.mean, after.encode(video).latent_dist.mean)
    assert not torch.equal(before.decoder.conv_out.conv.weight, after.decoder.conv_out.conv.weight)


def test_the_command_says_which_stages_there_are(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.mini.train", "paint", "--work", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "transformer" in told.stderr


def test_an_autoencoder_learns_from_clips_and_from_images() -> None:
    clips, pictures = next(vae_dataset.crop_loader(TINY, 0, workers=0))
    assert pictures.video.shape == (2, 3, 1, 32, 32)
    assert clips.video.shape[2] in {9, 17}
    assert clips.mask.shape[2:] == clips.video.shape[2:]
    assert -1 <= clips.video.min() < clips.video.max() <= 1


def test_crops_are_drawn_apart_by_every_worker() -> None:
    steps = vae_dataset.crop_loader(TINY, 0, workers=2)
    (_, first), (_, second) = next(steps), next(steps)
    assert not torch.equal(first.video, second.video)


def test_coverage_counts_the_first_frame_eight_times_and_every_other_once() -> None:
    mask = torch.zeros(9, 32, 32)
    mask[0, :16, :16] = 1
    mask[8, 16:, 16:20] = 1
    where = encode_latents.thing_coverage(mask, 16)
    assert where.shape == (2, 2, 2, encode_latents.WHERE)
    assert where[0, 0, 0].tolist() == [1.0] * encode_latents.WHERE
    assert where[1, 1, 1, :8].tolist() == [0.0] * 7 + [0.25]
    assert where[1, 1, 1, 8:].view(4, 4)[:, 0].tolist() == [1.0] * 4
    assert where[1, 1, 1, 8:].sum() == 4


def test_batches_hold_about_as_many_tokens_whatever_their_length(batches: list[LatentBatch]) -> None:
    for batch in batches:
        count, tokens, channels = batch.clean.shape
        assert channels == TINY.channels
        assert tokens <= count * tokens <= 2 * TINY.tokens
        assert batch.ceiling.shape == (count, tokens)
        assert batch.where.shape == (count, tokens, encode_latents.WHERE)
        assert batch.coordinates.shape == (count, 3, tokens)
        assert len(batch.scenes) == count
    assert len({batch.clean.shape[1] for batch in batches}) > 3


def test_something_is_always_left_to_denoise(batches: list[LatentBatch]) -> None:
    assert any(batch.is_given.any() for batch in batches)
    assert all((~batch.is_given).any(dim=1).all() for batch in batches)


def test_clips_that_begin_in_the_middle_are_never_learnt_without_their_beginning(work_folder: Path) -> None:
    library = LatentDataset(work_folder)
    library.shards = {name: shard for name, shard in library.shards.items() if shard.beginning != "first"}
    assert {shard.beginning for shard in library.shards.values()} == {"later", "turned", "returning"}
    rng = np.random.default_rng(1)
    assert all((library.draw_batch(rng).ceiling < 1).any() for _ in range(40))


def test_what_leads_from_one_moment_to_another_is_learnt_between_its_two_ends(work_folder: Path) -> None:
    library, rng = LatentDataset(work_folder), np.random.default_rng(2)
    library.shards = {n: shard for n, shard in library.shards.items() if shard.beginning == "returning"}
    assert library.shards
    for _ in range(10):
        batch = library.draw_batch(rng)
        ends = {shard.ends for shard in library.shards.values()}
        frames = len(batch.is_given[0].unflatten(0, (6, -1)))
        given = batch.is_given[0].unflatten(0, (frames, -1)).all(dim=1).tolist()
        assert given in [[True] * front + [False] * (6 - front - behind) + [True] * behind for front, behind in ends]


def test_what_is_given_takes_every_form_an_operation_needs(work_folder: Path) -> None:
    library, rng = LatentDataset(work_folder), np.random.default_rng(2)
    seen: set[str | tuple[bool, bool]] = set()
    for batch in (library.draw_batch(rng) for _ in range(400)):
        assert all(torch.equal(row, batch.ceiling[0]) for row in batch.ceiling)
        row = batch.ceiling[0]
        if ((row > 0) & (row < 1)).any():
            seen.add("noised")
        elif len(row) > 6 * 24:
            seen.add("keyframe")
        elif batch.is_given.any():
            seen.add((bool(row[0] == 0), bool(row[-1] == 0)))
    assert seen == {"noised", "keyframe", (True, False), (False, True), (True, True)}


def test_coordinates_are_those_of_the_condition_pipeline() -> None:
    seconds, rows, columns = token_coordinates(SMALL, 3, 2, 2)
    assert seconds[::4].tolist() == [0.0, 1 / 8, 9 / 8]
    assert rows[:4].tolist() == [0, 0, 16, 16]
    assert columns[:4].tolist() == [0, 16, 0, 16]


def test_given_frames_are_worn_a_little_and_what_is_asked_for_is_not(batches: list[LatentBatch]) -> None:
    batch = next(each for each in batches if each.is_given.any())
    gap = (train_transformer.noise_conditions(batch) - batch.clean).abs()
    assert gap[~batch.is_given].max() == 0
    assert 0 < gap[batch.is_given].mean() < 0.2


def test_many_lessons_are_nearly_all_noise_and_no_level_is_unknown() -> None:
    levels = train_transformer.sample_noise_levels(np.random.default_rng(0), 4000)
    assert 0.18 < (levels > 0.96).float().mean() < 0.35
    assert 0 <= levels.min() < 0.02
    assert 0.995 < levels.max() <= 1
    assert all(((levels > at) & (levels < at + 0.1)).any() for at in np.arange(0, 1, 0.1))


def test_no_loss_counts_what_was_given(work_folder: Path, batches: list[LatentBatch]) -> None:
    batch = next(each for each in batches if each.is_given.any())
    student = train_transformer.TransformerWithProbe(train_transformer.load_transformer(work_folder)[0])
    text, mask = CaptionEncoder(work_folder).encode_texts(["a red ball"] * len(batch.scenes))
    level = torch.full((len(batch.scenes),), 0.5)

    def loss() -> list[float]:
        torch.manual_seed(0)
        return [float(value.detach()) for value in train_transformer.flow_losses(student, batch, level, text, mask)]

    before = loss()
    batch.where[batch.is_given] += 1
    assert loss() == pytest.approx(before)
    batch.where[~batch.is_given] += 1
    assert loss() != pytest.approx(before)


def test_captions_are_dropped_now_and_then(work_folder: Path) -> None:
    rng = np.random.default_rng(0)
    scene = random_scene(rng)
    encoder = CaptionEncoder(work_folder)
    said = [encoder._random_caption(scene, rng) for _ in range(300)]
    assert 10 < said.count("") < 50
    assert len(set(said)) > 100


def test_orthogonal_updates_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise_matrix(torch.randn(3, 40, 90)).float())
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_the_optimiser_keeps_apart_what_it_treats_alike() -> None:
    """Matrices of one shape are worked on together, and each must get its own update."""
    torch.manual_seed(0)
    start = {name: torch.randn(6, 6) for name in "abc"}
    gradients = {name: torch.randn(6, 6) for name in "abc"}

    def stepped(*names: str) -> dict[str, torch.Tensor]:
        optimiser = Muon((name, torch.nn.Parameter(start[name].clone())) for name in names)
        for name in names:
            optimiser.parameters[name].grad = gradients[name].clone()
        optimiser.step(0.1)
        return optimiser.master

    together = stepped("a", "b", "c")
    for name in "abc":
        assert torch.allclose(stepped(name)[name], together[name], atol=2e-3)
