from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image

from engine.__main__ import main
from engine.cli import build_parser


@pytest.fixture(autouse=True)
def _interrupt_as_before() -> Iterator[None]:
    """The command takes over Ctrl-C; the test runner wants it back."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def clip_arguments(weights: Path, tmp_path: Path) -> list[str]:
    return ["a red ball", str(tmp_path / "out.mp4"), "--model", str(weights), "--size", "64x64", "--seconds", "1"]


def run(*arguments: str) -> int:
    return main([*arguments, "--steps", "2", "--device", "cpu", "--threads", "1"])


def test_it_writes_the_video_and_says_so(
    clip_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*clip_arguments, "--seed", "7") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert (container.streams.video[0].width, container.duration) == (64, 1_000_000)
    said = capsys.readouterr().out
    assert said.startswith(f"Wrote {tmp_path / 'out.mp4'}: 64x64, 1 s, ")
    assert "seed 7" in said


def test_stills_are_written_on_request(clip_arguments: list[str], tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (10, 10), "red").save(buffer, "PNG")
    (tmp_path / "first.png").write_bytes(buffer.getvalue())
    assert run(*clip_arguments, "--assets", str(tmp_path / "assets"), "--image", str(tmp_path / "first.png")) == 0
    names = sorted(path.name for path in (tmp_path / "assets").iterdir())
    assert names == ["poster.jpg", "spritesheet.jpg", "thumbnail.webp"]


def test_a_lora_that_is_not_there_is_named(
    clip_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*clip_arguments, "--lora", f"ink={tmp_path}/nowhere:0.5") == 1
    assert "(lora_missing)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "lora"),
    [
        ("ink=loras/ink", ("ink", "loras/ink", 1.0)),
        ("ink=loras/ink:0.8", ("ink", "loras/ink", 0.8)),
        ("ink=c:/loras", ("ink", "c:/loras", 1.0)),
    ],
)
def test_a_lora_has_a_name_a_source_and_a_weight(text: str, lora: tuple[str, str, float]) -> None:
    assert build_parser().parse_args(["x", "out.mp4", "--lora", text]).lora == [lora]


def test_the_printed_seed_makes_the_same_video(clip_arguments: list[str], tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        assert run(*clip_arguments, "--seed", "7") == 0
        made.append((tmp_path / "out.mp4").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--size", "big"], "'big' is not WIDTHxHEIGHT"),
        (["--size", "63x64"], "from 64 to 1920 pixels"),
        (["--seconds", "99"], "1 to 20 seconds"),
        (["--image", "nowhere.png"], "cannot read nowhere.png"),
        (["--model", "sora-9"], "There is no model 'sora-9'"),
        (["--seed", "-1"], "The seed goes from 0"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(
    clip_arguments: list[str], arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*clip_arguments, *arguments)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_that_does_not_exist_is_said_before_any_work(
    clip_arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(clip_arguments[0], "/nowhere/out.mp4", *clip_arguments[2:])
    assert "There is no directory /nowhere; create it" in capsys.readouterr().err


def test_assets_that_cannot_be_written_are_said_before_any_work(
    clip_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        run(*clip_arguments, "--assets", str(tmp_path / "file"))
    assert "--assets takes a directory" in capsys.readouterr().err


def test_what_is_written_into_standard_output_is_the_film_alone(
    clip_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert run(clip_arguments[0], str(pipe), *clip_arguments[2:]) == 0
    reader.join()
    said = capsys.readouterr()
    assert (said.out, said.err.startswith(f"Wrote {pipe}: 64x64, 1 s, ")) == ("", True)
    assert pipe.is_fifo()
    with av.open(io.BytesIO(read[0]), "r") as container:
        assert container.duration == 1_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_failure_has_its_name_and_leaves_nothing(
    clip_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(*clip_arguments[:3], str(tmp_path / "empty"), *clip_arguments[4:]) == 1
    assert "(model_missing)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_it_shows_a_bar_to_a_person_and_stops_at_ctrl_c(clip_arguments: list[str], tmp_path: Path) -> None:
    """On a real terminal, in a real process."""
    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "engine", *clip_arguments[:-1], "20", "--steps", "100", "--device", "cpu"]
    with subprocess.Popen(command, stderr=terminal, stdout=subprocess.PIPE, text=True) as process:
        os.close(terminal)
        shown = b""
        while b"denoising 2/100" not in shown:
            shown += os.read(screen, 1000)
        process.send_signal(signal.SIGINT)
        while process.poll() is None and (more := _read(screen)):
            shown += more
        assert process.wait() == 130
    os.close(screen)
    assert b"[" in shown
    assert b"interrupted; nothing was written" in shown
    assert list(tmp_path.iterdir()) == []


def _read(screen: int) -> bytes:
    """What is on the terminal; nothing once the other side has closed it, which Linux calls an error."""
    try:
        return os.read(screen, 1000)
    except OSError:
        return b""


def test_a_video_can_be_extended(clip_arguments: list[str], tmp_path: Path) -> None:
    assert run(*clip_arguments) == 0
    source = tmp_path / "source.mp4"
    (tmp_path / "out.mp4").rename(source)
    for options, seconds in (
        (("--extend", str(source)), 2),
        (("--extend", str(source), "--direction", "backward"), 2),
        (("--remix", str(source), "--strength", "subtle"), 1),
        (("--edit", str(source), "--was", "a blue ball"), 1),
        (("--blend", str(source), str(source), "--curve", "late"), 1),
        (("--loop", str(source), "--length", "short"), 1),
        (("--loop",), 1),
    ):
        assert run(*clip_arguments, *options) == 0, options
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert container.duration == seconds * 1_000_000


def test_an_invalid_source_video_is_refused_before_anything_is_loaded(
    clip_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "odd.mp4"
    odd.write_bytes(b"no film")
    for options, said in ((("--extend", "nowhere.mp4"), "no video nowhere.mp4"), (("--remix", str(odd)), "odd.mp4")):
        with pytest.raises(SystemExit) as caught:
            run(*clip_arguments, *options)
        assert caught.value.code == 2
        assert said in capsys.readouterr().err
