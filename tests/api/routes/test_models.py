"""Models of several families on the wire: what each says of itself, and what is refused by the model's name."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import msgspec
import pytest

from api.errors import Invalid
from api.http.state import AppState
from api.schemas.video_requests import ImageCreate, VideoCreate
from api.settings import Settings
from api.videos.quote import build_quote
from tests.support.factories import pricing_terms
from tests.support.users import Person
from tests.support.video_requests import PROMPT, available, finished, png

SERVED = ["kinora-mini", "wan2.1-t2v-1.3b", "wan2.2-i2v-a14b", "ltx-2", "z-image-turbo"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings of a server with models of every family."""
    return msgspec.structs.replace(settings, models=SERVED)


def picture() -> dict[str, str]:
    return {"image_url": f"data:image/png;base64,{base64.b64encode(png()).decode()}"}


async def test_each_model_says_what_it_is_and_what_it_can_do(client: httpx.AsyncClient, account: Person) -> None:
    listed = (await client.get("/v1/models", headers=account.headers)).json()["data"]
    models = {model["id"]: model for model in listed}
    assert list(models) == [*SERVED, "sora-2", "sora-2-pro"]
    wan = models["wan2.1-t2v-1.3b"]
    assert (wan["repo"], wan["licence"]) == ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "Apache-2.0")
    assert wan["licence_url"].startswith("https://")
    assert (wan["memory_gb"], wan["memory_estimated"]) == (18.0, True)
    assert (wan["fps"], wan["frame_rule"], wan["native_sizes"]) == (16, 4, ["832x480", "480x832"])
    assert wan["operations"] == ["still", "text_to_video"]
    assert (models["wan2.2-i2v-a14b"]["image_positions"], models["wan2.2-i2v-a14b"]["memory_estimated"]) == (
        "ends",
        False,
    )
    assert "silent" in models["ltx-2"]["description"]
    assert models["kinora-mini"]["repo"] is None
    assert models["z-image-turbo"]["operations"] == ["still"]


@pytest.mark.parametrize(
    ("asked", "param", "said"),
    [
        ({"model": "wan2.1-t2v-1.3b", "loop": True}, "model", "cannot do `loop`"),
        ({"model": "wan2.1-t2v-1.3b", "seconds": 8}, "seconds", "1 to 5 seconds"),
        ({"model": "wan2.1-t2v-1.3b", "first_frame": True}, "first_frame", "from text only"),
        ({"model": "wan2.1-t2v-1.3b", "storyboard": [{"at": 2, "prompt": "night"}]}, "model", "cannot do `storyboard`"),
        (
            {"model": "kinora-mini", "quality": "turbo", "negative_prompt": "rain"},
            "quality",
            "a negative prompt would have no effect; leave it out, or use the quality `full`",
        ),
        ({"model": "wan2.2-i2v-a14b"}, "first_frame", "for the first frame"),
        ({"model": "wan2.2-i2v-a14b", "last_frame": True}, "last_frame", "for the first frame"),
        (
            {"model": "z-image-turbo"},
            "model",
            "images only; videos are made by kinora-mini, wan2.1-t2v-1.3b, wan2.2-i2v",
        ),
    ],
)
async def test_what_a_model_cannot_do_is_refused_at_submit_by_its_name(
    client: httpx.AsyncClient, account: Person, asked: dict[str, Any], param: str, said: str
) -> None:
    before = await available(client, account)
    pictures = {name: picture() for name in ("first_frame", "last_frame") if name in asked}
    body = {"prompt": PROMPT, "seconds": 4} | asked | pictures
    answer = await client.post("/v1/videos", json=body, headers=account.headers)
    problem = answer.json()
    assert (answer.status_code, problem["error"]["param"]) == (422, param)
    assert asked["model"] in problem["detail"]
    assert said in problem["detail"]
    assert await available(client, account) == before


async def test_an_image_in_the_middle_is_refused_where_a_model_takes_the_ends_only(
    client: httpx.AsyncClient, account: Person
) -> None:
    body = {
        "prompt": PROMPT,
        "seconds": 4,
        "model": "wan2.2-i2v-a14b",
        "first_frame": picture(),
        "storyboard": [{"at": 2, "upload": picture()}],
    }
    answer = await client.post("/v1/videos", json=body, headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "storyboard.0.upload")
    assert "wan2.2-i2v-a14b" in answer.json()["detail"]
    taken = await client.post("/v1/videos", json=body | {"storyboard": []}, headers=account.headers)
    assert taken.status_code == 200


async def test_a_video_is_not_remixed_by_a_model_that_cannot(
    client: httpx.AsyncClient, app_state: AppState, account: Person
) -> None:
    video_id = await finished(client, app_state, account, model="wan2.1-t2v-1.3b")
    answer = await client.post(f"/v1/videos/{video_id}/remix", json={"prompt": "at night"}, headers=account.headers)
    assert answer.status_code == 422
    assert "wan2.1-t2v-1.3b cannot do `remix`" in answer.json()["detail"]


@pytest.fixture
async def preset_request(client: httpx.AsyncClient, account: Person) -> dict[str, Any]:
    """A body that asks for a preset with a picture."""
    files = {"image": ("a.png", png(), "image/png")}
    style = {"name": "Brand", "prompt": "flat colours"}
    preset = (await client.post("/v1/presets", data=style, files=files, headers=account.headers)).raise_for_status()
    return {"prompt": PROMPT, "preset": preset.json()["id"]}


@pytest.mark.parametrize(
    ("model", "path"),
    [("wan2.1-t2v-1.3b", "videos"), ("z-image-turbo", "images/generations")],
)
async def test_a_preset_s_image_is_refused_where_a_model_cannot_follow_it_loosely(
    client: httpx.AsyncClient, account: Person, preset_request: dict[str, Any], model: str, path: str
) -> None:
    before = await available(client, account)
    body = preset_request | {"model": model}
    problem = (await client.post(f"/v1/{path}", json=body, headers=account.headers)).json()
    assert (problem["status"], problem["param"]) == (422, "preset")
    assert problem["detail"].startswith(f"{model} cannot use the image of a preset; ")
    assert "or a model that can: kinora-mini, ltx-2." in problem["detail"]
    assert await available(client, account) == before


async def test_an_estimate_says_that_a_preset_s_image_is_refused(
    client: httpx.AsyncClient, account: Person, preset_request: dict[str, Any]
) -> None:
    body = preset_request | {"model": "wan2.1-t2v-1.3b"}
    estimate = (await client.post("/v1/videos/estimate", json=body, headers=account.headers)).json()
    assert [(each["code"], each["param"]) for each in estimate["refusals"]] == [("invalid", "preset")]
    able = (await client.post("/v1/videos/estimate", json=preset_request, headers=account.headers)).json()
    assert able["refusals"] == []


async def test_a_clip_with_a_first_frame_of_its_own_needs_no_preset_image(
    client: httpx.AsyncClient, account: Person, preset_request: dict[str, Any]
) -> None:
    body = preset_request | {"seconds": 4, "model": "wan2.2-i2v-a14b"}
    answer = await client.post("/v1/videos", json=body, headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "first_frame")
    with_one = body | {"first_frame": picture()}
    assert (await client.post("/v1/videos", json=with_one, headers=account.headers)).status_code == 200


def test_a_still_is_made_by_a_model_for_stills_and_by_no_other_that_cannot(settings: Settings) -> None:
    quote = build_quote(ImageCreate(prompt=PROMPT, model="z-image-turbo"), pricing_terms(), settings)
    assert (quote.engine_request.seconds, quote.engine_request.width, quote.engine_request.height) == (0, 1280, 720)
    for name in ("wan2.2-i2v-a14b", "ltx-2"):
        with pytest.raises(Invalid, match=f"{name} cannot do `still`"):
            build_quote(ImageCreate(prompt=PROMPT, model=name), pricing_terms(), settings)


def test_without_a_model_what_the_first_makes_none_of_goes_to_the_first_that_does(settings: Settings) -> None:
    still, film = ImageCreate(prompt=PROMPT), VideoCreate(prompt=PROMPT)
    stills_first = msgspec.structs.replace(settings, models=["z-image-turbo", "wan2.1-t2v-1.3b", "kinora-mini"])
    assert build_quote(film, pricing_terms(), stills_first).model.entry.name == "wan2.1-t2v-1.3b"
    assert build_quote(still, pricing_terms(), stills_first).model.entry.name == "z-image-turbo"
    no_stills_first = msgspec.structs.replace(settings, models=["ltx-2", "z-image-turbo"])
    assert build_quote(still, pricing_terms(), no_stills_first).model.entry.name == "z-image-turbo"
    assert build_quote(film, pricing_terms(), no_stills_first).model.entry.name == "ltx-2"
    alone = msgspec.structs.replace(settings, models=["z-image-turbo"])
    with pytest.raises(Invalid, match=r"z-image-turbo makes images only; no model here makes videos\."):
        build_quote(film, pricing_terms(), alone)
