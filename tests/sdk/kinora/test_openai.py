"""The client with OpenAI's names."""

from __future__ import annotations

import json

from kinora.openai import OpenAI

from tests.support.api_examples import video
from tests.support.scripted_server import respond, scripted_server


def test_extra_body_may_be_none() -> None:
    with scripted_server(respond(200, video())) as server, OpenAI(api_key="k", base_url=server.url) as sdk:
        sdk.videos.create(prompt="a boat", seconds="4", extra_body=None)
    assert json.loads(server.requests[0].body) == {"prompt": "a boat", "seconds": 4}
