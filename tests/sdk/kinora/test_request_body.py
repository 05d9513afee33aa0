"""Arguments as JSON or as a form, with files and objects among them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
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


def test_a_video_within_a_list_becomes_the_data_url_of_a_video() -> None:
    cards = [kinora.types.StoryboardCard(at=0.0, video=("clip.mp4", b"bytes"))]
    with scripted_server(respond(200, video())) as server, connect(server) as sdk:
        sdk.videos.create(prompt="a boat", storyboard=cards)
    (card,) = json.loads(server.requests[0].body)["storyboard"]
    assert card["video"] == {"video_url": "data:video/mp4;base64,Ynl0ZXM="}


PNG = b"\x89PNG"


@pytest.mark.parametrize(
    ("file", "disposition", "media_type"),
    [
        (PNG, 'filename="file"', "application/octet-stream"),
        (memoryview(PNG), 'filename="file"', "application/octet-stream"),
        ((None, PNG), 'filename="file"', "application/octet-stream"),
        (("a.png", PNG), 'filename="a.png"', "image/png"),
        (("a.png", io.BytesIO(PNG)), 'filename="a.png"', "image/png"),
        (("a", PNG, "image/png"), 'filename="a"', "image/png"),
        (("a.png", PNG, None), 'filename="a.png"', "image/png"),
        ((None, PNG, "image/png"), 'filename="file"', "image/png"),
        (("a", PNG, "image/png", {"x-part": "1"}), 'filename="a"', "image/png\r\nx-part: 1"),
    ],
    ids=[
        *("bytes", "memoryview", "unnamed bytes", "named bytes", "named file", "named with a type"),
        *("named without a type", "unnamed with a type", "named with headers"),
    ],
)
def test_a_file_has_every_form_that_openai_takes(file: Any, disposition: str, media_type: str) -> None:
    with scripted_server(respond(200, video())) as server, connect(server) as sdk:
        sdk.videos.create(prompt="a boat", input_reference=file)
    body = server.requests[0].body.decode("latin-1").lower()
    assert disposition in body
    assert all(line in body for line in f"content-type: {media_type}".split("\r\n"))
    assert "\r\n\r\n\x89png\r\n" in body


def test_a_path_with_a_name_and_a_type_is_read(tmp_path: Path) -> None:
    (tmp_path / "first.bin").write_bytes(PNG)
    with scripted_server(respond(200, video())) as server, connect(server) as sdk:
        sdk.videos.create(prompt="a boat", first_frame=("boat.png", tmp_path / "first.bin", "image/png"))
    assert b'filename="boat.png"' in server.requests[0].body
    assert PNG in server.requests[0].body


@pytest.mark.parametrize(
    "pass_file",
    [Path, lambda path: path.read_bytes(), lambda path: io.BytesIO(path.read_bytes()), lambda path: ("a.txt", path)],
    ids=["path", "bytes", "file", "tuple"],
)
def test_a_file_is_sent_only_where_the_server_takes_one(pass_file: Callable[[Path], Any], tmp_path: Path) -> None:
    """The content of a private file does not leave the machine because its name was noted down."""
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"private")
    value = pass_file(secret)
    with scripted_server() as server, connect(server) as sdk:
        with pytest.raises(TypeError, match=r"`metadata\.source` takes no file"):
            sdk.videos.create(prompt="a boat", metadata={"source": value})
        with pytest.raises(TypeError, match=r"`metadata\.files` takes no file"):
            sdk.videos.create(prompt="a boat", first_frame=PNG, metadata={"files": [value]})
        with pytest.raises(TypeError, match=r"`prompt` takes no file.*pass str\(path\)"):
            sdk.videos.create(prompt=secret)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"files are taken by no field"):
            sdk.api_keys.create(name=secret)  # type: ignore[arg-type]
    assert not server.requests


def test_a_pair_of_texts_in_metadata_is_a_list() -> None:
    with scripted_server(respond(200, video())) as server, connect(server) as sdk:
        sdk.videos.create(prompt="a boat", metadata={"pair": ("a", "b")})
    assert json.loads(server.requests[0].body)["metadata"] == {"pair": ["a", "b"]}


def test_a_text_file_is_refused_before_anything_is_sent() -> None:
    with scripted_server() as server, connect(server) as sdk, pytest.raises(TypeError, match="binary mode"):
        sdk.videos.create(prompt="a boat", first_frame=io.StringIO("text"))  # type: ignore[arg-type]
    assert not server.requests
