"""Failures of settings, weights, inputs and time: each has a code, is refunded, and leaves the worker running."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from safetensors.torch import load_file, save_file

from api.errors import VideoHasFailed
from api.http.state import AppState
from api.settings import Settings
from api.videos import hls
from api.worker import main
from engine.process.client import EngineDied
from tests.support.factories import assert_books_balance
from tests.support.generations import balance, create, drawn, person, submission
from tests.support.video_requests import png
from tests.support.workers import (
    LONG,
    SHORT,
    running_worker,
    wait_until_ended,
    wait_until_published,
)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"frame_rules": "nowhere:rule"}, "KINORA_FRAME_RULES is 'nowhere:rule'"),
        ({"weights": {"kinora-mini": "/nowhere"}}, "KINORA_WEIGHTS has the weights of kinora-mini in /nowhere"),
        ({"loras": {"ink": "/nowhere/ink"}}, "KINORA_LORAS has the LoRA 'ink' in /nowhere/ink"),
    ],
)
async def test_wrong_settings_keep_a_worker_from_starting(
    isolated_state: AppState, worker_settings: Settings, wrong: dict[str, Any], named: str
) -> None:
    video_id = await create(isolated_state, await person(isolated_state), **SHORT)
    with pytest.raises(main.WrongSettingError, match=re.escape(named)):
        await main.run_worker(msgspec.structs.replace(worker_settings, **wrong), asyncio.Event())
    async with isolated_state.pool.acquire() as db:
        assert await db.fetchval("SELECT state FROM generations WHERE id = $1", video_id) == "queued"


async def test_an_engine_that_dies_while_starting_is_not_a_wrong_setting(worker_settings: Settings) -> None:
    stubborn = msgspec.structs.replace(worker_settings, frame_rules="tests.support.crashing_rule:rule")
    with pytest.raises(EngineDied):
        await main.run_worker(stubborn, asyncio.Event())


async def test_missing_weights_have_a_failure_code(
    isolated_state: AppState, worker_settings: Settings, tmp_path: Path
) -> None:
    account = await person(isolated_state)
    folder = shutil.copytree(worker_settings.weights["kinora-mini"], tmp_path / "weights")
    shutil.rmtree(folder / "vae")
    async with running_worker(msgspec.structs.replace(worker_settings, weights={"kinora-mini": str(folder)})):
        video_id = await create(isolated_state, account, **SHORT)
        assert await wait_until_ended(isolated_state, video_id, account) == "failed:model_missing"
        row = await isolated_state.library.get(video_id, account.id)
    shown = isolated_state.serializer.to_video(row)
    assert shown.failure
    assert shown.failure.refunded
    assert await balance(isolated_state, account) == (300, 0)


def write_nan_weights(folder: Path) -> None:
    """Weights whose pictures are no numbers."""
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["decoder.conv_out.conv.bias"].fill_(float("nan"))
    save_file(tensors, file, {"format": "pt"})


def write_invalid_lora(folder: Path) -> None:
    """A LoRA that is none."""
    (folder / "ink.safetensors").write_text("ink")


def truncate_weights(folder: Path) -> None:
    """A file of weights that was not copied to its end."""
    os.truncate(folder / "transformer" / "diffusion_pytorch_model.safetensors", 1000)


@pytest.mark.parametrize(
    ("spoil", "wrong", "failure"),
    [
        (write_nan_weights, {}, "bad_frames"),
        (truncate_weights, {}, "model_broken"),
        (write_invalid_lora, {"loras": {"ink": "ink.safetensors"}}, "lora_missing"),
        (None, {"offload": "group", "device": "cpu"}, "bad_setting"),
    ],
)
async def test_failures_have_a_code_are_refunded_and_leave_the_worker_running(
    isolated_state: AppState,
    worker_settings: Settings,
    weights: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None] | None,
    wrong: dict[str, Any],
    failure: str,
) -> None:
    account, asked = await person(isolated_state), dict(SHORT)
    folder = shutil.copytree(weights, tmp_path / "weights")
    if spoil:
        spoil(folder)
    if "loras" in wrong:
        asked["loras"] = [{"name": "ink"}]
        wrong = {"loras": {name: str(folder / file) for name, file in wrong["loras"].items()}}
    own: dict[str, str] = {"kinora-mini": str(folder), "ltx-video-2b": str(weights)}
    changed = msgspec.structs.replace(
        worker_settings, weights=own, models=["kinora-mini", "ltx-video-2b"], max_tries=1, **wrong
    )
    served = isolated_state._replace(settings=changed)
    async with running_worker(changed):
        first = await create(served, account, **asked)
        assert await wait_until_ended(isolated_state, first, account) == f"failed:{failure}"
        second = await create(served, account, **{**SHORT, "model": "ltx-video-2b", "size": "256x256"})
        everywhere = failure == "bad_setting"
        assert await wait_until_ended(isolated_state, second, account) == (
            f"failed:{failure}" if everywhere else "completed"
        )
    row = await isolated_state.library.get(first, account.id)
    assert row.settled == 0
    reason = "The LoRA 'ink' is no .safetensors file"
    shown = isolated_state.serializer.to_video(row).error
    assert (shown is not None and reason in shown.message) == (failure == "lora_missing")
    await assert_books_balance(isolated_state.pool, account.id)


async def test_refused_frames_withdraw_the_published_segments(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    async with running_worker(
        msgspec.structs.replace(worker_settings, frame_rules="tests.support.frame_rules:refuse_the_second")
    ):
        video_id = await create(isolated_state, account, **(LONG | {"seconds": 6}))
        await wait_until_published(isolated_state, video_id, account)
        assert await wait_until_ended(isolated_state, video_id, account) == "failed:refused_frames"
        assert (
            await wait_until_ended(isolated_state, await create(isolated_state, account, **SHORT), account)
            == "completed"
        )
    row = await isolated_state.library.get(video_id, account.id)
    video = isolated_state.serializer.to_video(row)
    assert (row.attempt, video.assets.stream, video.assets.preview) == (1, None, None)
    assert video.failure
    assert (video.failure.retryable, video.failure.refunded) == (False, True)
    with pytest.raises(VideoHasFailed):
        await hls.open_stream(isolated_state.pool, video_id, account.id)
    assert await balance(isolated_state, account) == (299, 0)
    await assert_books_balance(isolated_state.pool, account.id)


async def test_a_job_over_its_timeout_fails_and_is_refunded(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    impatient = msgspec.structs.replace(worker_settings, job_timeout=0.5, max_tries=1)
    async with running_worker(impatient):
        video_id = await create(isolated_state, account, **LONG)
        assert await wait_until_ended(isolated_state, video_id, account) == "failed:timed_out"
    assert await balance(isolated_state, account) == (300, 0)


async def test_a_job_with_missing_inputs_fails_and_leaves_the_worker_running(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    patient = msgspec.structs.replace(worker_settings, max_tries=1)
    asked = submission(isolated_state, account, picture=png(), **SHORT)
    await isolated_state.submissions.submit(asked, drawn(isolated_state))
    [lost] = await isolated_state.library.list_page(account.id, None, 1, descending=True)
    isolated_state.storage.remove_folder(f"inputs/{lost.id}")
    async with running_worker(patient):
        assert await wait_until_ended(isolated_state, lost.id, account) == "failed:internal"
        assert (
            await wait_until_ended(isolated_state, await create(isolated_state, account, **SHORT), account)
            == "completed"
        )
    await assert_books_balance(isolated_state.pool, account.id)
