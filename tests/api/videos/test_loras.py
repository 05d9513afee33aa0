"""LoRAs by name: from a setting through a request to the row that a worker claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from api.environment import SettingsError
from api.http.state import AppState
from api.settings import Settings
from tests.support.rebuilt import rebuild_creates
from tests.support.users import Person
from tests.support.video_requests import create

OURS = {"KINORA_SECRET": "0123456789abcdef", "KINORA_MODELS": "kinora-mini,ltx-video-2b"}
LORAS = {"ink": "/loras/ink@kinora-mini", "film": "someone/film-lora", "other": "/loras/o@ltx-video-2b"}


@pytest.fixture
def _served(app: Litestar, client: httpx.AsyncClient) -> None:
    app_state: AppState = app.state.app_state
    settings = msgspec.structs.replace(app_state.settings, models=["kinora-mini", "ltx-video-2b"], loras=LORAS)
    app.state.app_state = rebuild_creates(app_state._replace(settings=settings))


def test_a_lora_is_named_with_its_source_and_its_model() -> None:
    text = ",".join(f"{name}={source}" for name, source in LORAS.items())
    settings = Settings.from_env(OURS | {"KINORA_LORAS": text})
    found = [(lora.name, lora.model, lora.source) for lora in settings.named_loras]
    assert found == [
        ("ink", "kinora-mini", "/loras/ink"),
        ("film", "kinora-mini", "someone/film-lora"),
        ("other", "ltx-video-2b", "/loras/o"),
    ]
    assert Settings.from_env(settings.to_environment()).named_loras == settings.named_loras
    assert settings.engine_config.loras == settings.named_loras


@pytest.mark.parametrize(
    ("text", "said"),
    [("ink=/loras/ink@nope", "'nope'"), ("ink=@kinora-mini", "name=source@model"), ("a.b=/x", "letters, digits")],
)
def test_one_that_cannot_be_is_refused_at_the_start(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_env(OURS | {"KINORA_LORAS": text})


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OFFLOAD", "disk"), ("QUANTIZATION", "int3"), ("COMPILE", "maybe"), ("TILING", "2"), ("PARALLEL", "all")],
)
def test_a_setting_of_a_placement_that_there_is_not_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"KINORA_{variable} is '{value}'"):
        Settings.from_env(OURS | {f"KINORA_{variable}": value})


def test_what_is_set_reaches_the_engine(tmp_path: Path) -> None:
    chosen = {"OFFLOAD": "group", "QUANTIZATION": "float8", "TILING": "on", "COMPILE": "off", "ATTENTION": "flash"}
    environment = {f"KINORA_{name}": value for name, value in chosen.items()} | {"KINORA_PARALLEL": "2"}
    config = Settings.from_env(OURS | environment).engine_config
    assert {name: getattr(config, name.lower()) for name in chosen} == chosen
    assert config.parallel == 2


@pytest.mark.usefixtures("_served")
async def test_models_say_which_they_have(client: httpx.AsyncClient, account: Person) -> None:
    listed = (await client.get("/v1/models", headers=account.headers)).json()["data"]
    assert {model["id"]: model["loras"] for model in listed} == {
        "kinora-mini": ["ink", "film"],
        "ltx-video-2b": ["other"],
        "sora-2": ["ink", "film"],
        "sora-2-pro": ["ink", "film"],
    }


@pytest.mark.usefixtures("_served")
async def test_what_a_request_names_reaches_the_worker(
    client: httpx.AsyncClient, account: Person, app_state: AppState
) -> None:
    asked = [{"name": "ink", "weight": 0.5}, {"name": "film"}]
    video = (await create(client, account, loras=asked)).json()
    named = [{"name": "ink", "weight": 0.5}, {"name": "film", "weight": 1.0}]
    assert video["loras"] == named
    assert (await client.get(f"/v1/videos/{video['id']}", headers=account.headers)).json()["loras"] == named
    claimed_job = await app_state.lifecycle.claim("worker_a")
    assert claimed_job
    assert msgspec.to_builtins(claimed_job.loras) == named


@pytest.mark.usefixtures("_served")
async def test_a_form_names_them_as_openai_s_clients_write_lists(client: httpx.AsyncClient, account: Person) -> None:
    form = {"prompt": "a ball", "loras[][name]": "ink", "loras[][weight]": "0.25"}
    answer = await client.post("/v1/videos", data=form, headers=account.headers)
    assert answer.json()["loras"] == [{"name": "ink", "weight": 0.25}]


@pytest.mark.usefixtures("_served")
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"loras": [{"name": "nope"}]}, "it has ink, film."),
        ({"loras": [{"name": "other"}]}, "kinora-mini has no LoRA 'other' here"),
        ({"loras": [{"name": "ink"}], "model": "ltx-video-2b"}, "it has other."),
        ({"loras": [{"name": "ink"}, {"name": "ink"}]}, "named twice"),
        ({"loras": [{"name": "ink", "weight": 9}]}, "<= 2"),
    ],
)
async def test_one_that_the_model_does_not_have_is_refused_by_name(
    client: httpx.AsyncClient, account: Person, asked: dict[str, Any], said: str
) -> None:
    answer = await create(client, account, **asked)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_without_any_the_answer_says_that_there_are_none(client: httpx.AsyncClient, account: Person) -> None:
    answer = await create(client, account, loras=[{"name": "ink"}])
    assert answer.json()["detail"] == "kinora-mini has no LoRAs here; leave `loras` out."
    assert "limit" not in answer.json()
    assert (await create(client, account)).json()["loras"] == []
