"""The commands that make a video: what they ask for, where the result goes, and how they are stopped."""

from __future__ import annotations

import json
import signal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest

from tests.support.api_examples import example, problem, video
from tests.support.cli_programs import command, start_command
from tests.support.scripted_server import Reply, ScriptedServer, respond, scripted_server

FILM = bytes(range(14, 256)) * 16  # no line ends: standard output is read as text
ID = "video_1"
UPLOAD = example("/v1/uploads/{upload_id}") | {"id": "upload_1", "bytes": len(FILM), "offset": len(FILM)}


def stream(status: str) -> Reply:
    event = json.dumps(video(id=ID, status=status, progress=100 if status == "completed" else 40))
    return respond(200, raw=f"id: 1\nevent: video\ndata: {event}\n\n".encode(), content_type="text/event-stream")


def made() -> list[Reply]:
    """What a server answers to a command that makes a video and saves it."""
    return [respond(200, video(id=ID, status="queued")), stream("completed"), respond(200, raw=FILM, etag='"v1"')]


def asked(server: ScriptedServer, at: int = 0) -> tuple[str, object]:
    return server.requests[at].path, json.loads(server.requests[at].body)


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (["generate", "a boat", "--seconds", "5"], "/v1/videos", {"prompt": "a boat", "seconds": 5}),
        (["remix", "video_0", "at night"], "/v1/videos/video_0/remix", {"prompt": "at night"}),
        (
            ["edit", "video_0", "at night", "--seed", "7"],
            "/v1/videos/edits",
            {"video": "video_0", "prompt": "at night", "seed": 7},
        ),
        (["extend", "video_0"], "/v1/videos/extensions", {"video": "video_0", "seconds": 4}),
        (
            ["extend", "video_0", "it sinks", "--seconds", "2", "--direction", "backward"],
            "/v1/videos/extensions",
            {"video": "video_0", "prompt": "it sinks", "seconds": 2, "direction": "backward"},
        ),
        (["loop", "video_0", "--length", "short"], "/v1/videos/loops", {"video": "video_0", "length": "short"}),
        (["blend", "video_0", "upload_2"], "/v1/videos/blends", {"from": "video_0", "to": "upload_2"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_video_is_made_and_saved(arguments: list[str], path: str, body: dict[str, object], tmp_path: Path) -> None:
    with scripted_server(*made()) as server:
        ended = command(tmp_path, *arguments, "-o", "out.mp4", server=server)
    assert (ended.returncode, ended.stdout.splitlines()) == (0, [ID, "out.mp4"]), ended.stderr
    assert asked(server) == (path, body)
    assert (tmp_path / "out.mp4").read_bytes() == FILM


def test_a_file_is_uploaded_first(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(FILM)
    uploaded = [
        respond(201, UPLOAD | {"status": "receiving", "offset": 0}, upload_offset="0"),
        respond(204, raw=b"", upload_offset=str(len(FILM))),
        respond(200, UPLOAD | {"status": "ready"}),
    ]
    with scripted_server(*uploaded, *made()) as server:
        ended = command(tmp_path, "edit", "old.mp4", "at night", server=server)
    assert ended.returncode == 0, ended.stderr
    assert asked(server, 3) == ("/v1/videos/edits", {"video": "upload_1", "prompt": "at night"})
    assert (tmp_path / f"{ID}.mp4").read_bytes() == FILM


def test_a_directory_takes_a_file_named_after_the_id(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with scripted_server(*made()) as server:
        ended = command(tmp_path, "generate", "a boat", "-o", "clips", server=server)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "clips" / f"{ID}.mp4").read_bytes() == FILM


def test_standard_output_gets_the_video_alone(tmp_path: Path) -> None:
    with scripted_server(*made()) as server:
        ended = command(tmp_path, "generate", "a boat", "-o", "-", server=server)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.encode("latin-1") == FILM
    assert ended.stderr.splitlines()[0] == ID


def test_a_target_that_cannot_be_written_is_refused_before_anything_is_paid_for(tmp_path: Path) -> None:
    (tmp_path / "kept.mp4").touch(mode=0o444)
    with scripted_server() as server:
        read_only = command(tmp_path, "generate", "a boat", "-o", "kept.mp4", server=server)
        nowhere = command(tmp_path, "extend", "video_0", "-o", "nowhere/out.mp4", server=server)
    assert (read_only.returncode, nowhere.returncode) == (1, 1)
    assert "kinora-cli: kept.mp4 is read-only" in read_only.stderr
    assert "There is no directory" in nowhere.stderr
    assert not server.requests


def test_ctrl_c_says_how_to_follow_and_how_to_cancel(tmp_path: Path) -> None:
    waiting, stopped = Event(), Event()

    def hold(handler: BaseHTTPRequestHandler) -> None:
        waiting.set()
        stopped.wait(60)
        handler.close_connection = True

    with scripted_server(respond(200, video(id=ID, status="queued")), hold) as server:
        process = start_command(tmp_path, "generate", "a boat", server=server)
        assert waiting.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        stopped.set()
    assert (process.returncode, out.strip()) == (130, ID)
    assert f"kinora-cli watch {ID}" in err
    assert f"kinora-cli cancel {ID}" in err
    assert "Traceback" not in err


def test_a_timeout_says_so_too(tmp_path: Path) -> None:
    with scripted_server(
        respond(200, video(id=ID, status="queued")),
        stream("in_progress"),
        *[respond(503, problem(503, "unavailable"))] * 9,
    ) as server:
        ended = command(tmp_path, "generate", "a boat", "--timeout", "0.1", server=server)
    assert ended.returncode == 1
    assert "still in_progress (40 %)" in ended.stderr
    assert f"kinora-cli cancel {ID}" in ended.stderr
