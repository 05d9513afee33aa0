"""The commands for what exists: get, cancel, delete, upload and download."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.api_examples import example, problem, video
from tests.support.cli_programs import command
from tests.support.scripted_server import reset_connection, respond, scripted_server

FILM = bytes(range(14, 256)) * 16  # no line ends: standard output is read as text
UPLOAD = example("/v1/uploads/{upload_id}") | {"id": "upload_1", "bytes": len(FILM), "offset": len(FILM)}
PAGE = {"object": "list", "first_id": None, "last_id": None, "has_more": False}


def test_get_shows_a_video(tmp_path: Path) -> None:
    shown = video(id="video_1", status="in_progress", progress=40, eta_seconds=12, prompt="a boat\nat sea")
    with scripted_server(respond(200, shown), respond(200, shown)) as server:
        ended = command(tmp_path, "get", "video_1", server=server)
        as_json = command(tmp_path, "get", "video_1", "--json", server=server)
    assert ended.returncode == 0, ended.stderr
    assert "in progress, 40 %, about 12 s left" in ended.stdout
    assert "a boat at sea" in ended.stdout
    assert json.loads(as_json.stdout)["progress"] == 40


def test_list_prints_objects_for_programs(tmp_path: Path) -> None:
    page = PAGE | {"data": [video(id="video_2"), video(id="video_1")]}
    with scripted_server(respond(200, page)) as server:
        ended = command(tmp_path, "list", "--json", server=server)
    assert [json.loads(line)["id"] for line in ended.stdout.splitlines()] == ["video_2", "video_1"]


def test_cancel_stops_several_and_names_the_state_of_each(tmp_path: Path) -> None:
    replies = [respond(200, video(id=f"video_{n}", status=state)) for n, state in enumerate(("cancelled", "completed"))]
    with scripted_server(*replies) as server:
        ended = command(tmp_path, "cancel", "video_0", "video_1", server=server)
    assert (ended.returncode, ended.stdout.splitlines()) == (0, ["video_0 cancelled", "video_1 completed"])
    assert [(one.method, one.path) for one in server.requests] == [
        ("POST", "/v1/videos/video_0/cancel"),
        ("POST", "/v1/videos/video_1/cancel"),
    ]


def test_delete_takes_videos_and_uploads(tmp_path: Path) -> None:
    replies = [
        respond(200, {"id": "video_1", "object": "video.deleted", "deleted": True}),
        respond(200, {"id": "upload_1", "object": "upload.deleted", "deleted": True}),
        respond(404, problem(404, "not_found")),
    ]
    with scripted_server(*replies) as server:
        ended = command(tmp_path, "delete", "video_1", "upload_1", "video_2", server=server)
    assert (ended.returncode, ended.stdout.splitlines()) == (1, ["video_1 deleted", "upload_1 deleted"])
    assert "not_found" in ended.stderr
    assert [one.path for one in server.requests] == ["/v1/videos/video_1", "/v1/uploads/upload_1", "/v1/videos/video_2"]


def test_upload_prints_the_id_and_a_broken_one_says_how_to_continue(tmp_path: Path) -> None:
    (tmp_path / "a boat.mp4").write_bytes(FILM)
    begun = respond(201, UPLOAD | {"status": "receiving", "offset": 0}, upload_offset="0")
    with scripted_server(begun, *[reset_connection()] * 9) as server:
        broken = command(tmp_path, "upload", "a boat.mp4", server=server)
    assert broken.returncode == 1
    assert "kinora-cli upload --resume upload_1 'a boat.mp4'" in broken.stderr
    rest = [
        respond(200, UPLOAD | {"status": "receiving", "offset": 1000}),
        respond(204, raw=b"", upload_offset=str(len(FILM))),
        respond(200, UPLOAD | {"status": "ready"}),
    ]
    with scripted_server(*rest) as server:
        ended = command(tmp_path, "upload", "--resume", "upload_1", "a boat.mp4", server=server)
    assert (ended.returncode, ended.stdout) == (0, "upload_1\n"), ended.stderr
    assert server.requests[1].body == FILM[1000:]


def test_an_upload_of_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with scripted_server() as server:
        ended = command(tmp_path, "upload", "nowhere.mp4", server=server)
    assert ended.returncode == 1
    assert "nowhere.mp4" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_download_writes_a_rendition_to_standard_output(tmp_path: Path) -> None:
    with scripted_server(respond(200, raw=FILM, etag='"v1"')) as server:
        ended = command(tmp_path, "download", "video_1", "-", "--variant", "poster", server=server)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.encode("latin-1") == FILM
    assert server.requests[0].path == "/v1/videos/video_1/content?variant=poster"
