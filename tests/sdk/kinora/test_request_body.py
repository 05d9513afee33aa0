"""Arguments as JSON or as a form, with files and objects among them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import kinora
import pytest

from tests.support.api_examples import video
from tests.support.scripted_server import connect, respond, scripted_server


def test_objects_become_their_ids_and_a_file_makes_the_body_a_form(tmp_path: Path) -> None:
    (tmp_path / "first.png").write_bytes(b"\x89PNG")
    replies = [respond(200, video()) for _ in range(4)]
    with scripted_server(*replies) as server, connect(server) as sdk:
        made = sdk.videos.create(prompt="a boat")
        sdk.videos.remix(made, prompt="at night", strength="mild")
        sdk.videos.extend(video=made, seconds=2)
        sdk.videos.create(prompt="a boat", seconds=5, first_frame=tmp_path / "first.png", metadata={"a": "b"})
    _, remix, extend, create = server.requests
    assert remix.path == f"/v1/videos/{made.id}/remix"
    assert json.loads(extend.body) == {"video": made.id, "seconds": 2}
    assert create.headers["content-type"].startswith("multipart/form-data; boundary=")
    for part in (
        b'name="prompt"\r\n\r\na boat',
        b'name="seconds"\r\n\r\n5',
        b'{"a":"b"}',
        b'filename="first.png"',
        b"\x89PNG",
    ):
        assert part in create.body


@pytest.mark.parametrize("file", [b"bytes", io.BytesIO(b"bytes"), ("named.png", b"bytes")])
def test_a_file_within_a_list_becomes_a_data_url(file: Any) -> None:
    cards: list[Any] = [{"at": 0, "upload": file}, kinora.types.StoryboardCard(at=2.0, prompt="night")]
    with scripted_server(respond(200, video())) as server, connect(server) as sdk:
        sdk.videos.create(prompt="a boat", storyboard=cards)
    first, second = json.loads(server.requests[0].body)["storyboard"]
    assert first["upload"]["image_url"].startswith("data:")
    assert first["upload"]["image_url"].endswith(";base64,Ynl0ZXM=")
    assert second == {"at": 2.0, "prompt": "night"}


def test_a_text_file_is_refused_before_anything_is_sent() -> None:
    with scripted_server() as server, connect(server) as sdk, pytest.raises(TypeError, match="binary mode"):
        sdk.videos.create(prompt="a boat", first_frame=io.StringIO("text"))  # type: ignore[arg-type]
    assert not server.requests
