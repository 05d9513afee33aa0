"""The engine on the command line: `python -m engine "a red ball bounces" out.mp4 --seconds 5 --size 320x192`.

It needs no server. Exit codes: 0 done, 1 failed, 2 invalid arguments or request, 130 interrupted.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from engine import cli
from engine.catalog.validation import check_request
from engine.media.output_file import check_target, is_stream, put_into_place, scratch_folder
from engine.types import Done, EngineConfig, EngineError, Event, JobCancelled, Progress, Request, Result

_BAR_WIDTH = 30


def main(arguments: list[str] | None = None) -> int:
    parser = cli.build_parser()
    options = parser.parse_args(arguments)
    try:
        config, request = cli.build_request(options)
    except EngineError as error:
        parser.error(str(error))
    if violations := check_request(request):
        parser.error(" ".join(violation.message for violation in violations))
    try:
        _check_targets(options.out, options.assets)
    except OSError as error:
        parser.error(str(error))
    try:
        return _make_video(config, request, options.out, options.assets)
    except EngineError as error:
        print(f"{parser.prog}: {error} ({error.code})", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{parser.prog}: the video could not be saved: {error}", file=sys.stderr)
        return 1
    except (JobCancelled, KeyboardInterrupt):
        print(f"{parser.prog}: interrupted; nothing was written.", file=sys.stderr)
        return 130


def _check_targets(out: Path, assets: Path | None) -> None:
    """Refuse before any work what could not be written after it. Raises OSError."""
    check_target(out)
    if assets is None:
        return
    if assets.exists() and not assets.is_dir():
        raise NotADirectoryError(f"{assets} is a file; --assets takes a directory.")
    if assets.exists():
        check_target(assets / "poster.jpg")


def _make_video(config: EngineConfig, request: Request, out: Path, assets: Path | None) -> int:
    interrupted = _catch_interrupts()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads; why: engine.process.forkserver
    _print_status("Loading the engine…")
    from engine.runtime.engine import Engine

    started = time.monotonic()
    with scratch_folder(out) as folder:
        result = _show_progress(Engine(config).run(request, folder, lambda: bool(interrupted)))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a pipe that nobody reads holds the rest up
        summary = _summary_line(out, result, request, time.monotonic() - started)
        put_into_place(result.video, out)
        if assets is not None:
            _save_assets(result, assets)
    print(summary, file=sys.stderr if is_stream(out) else sys.stdout)  # it may be standard output
    return 0


def _save_assets(result: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in (result.poster, result.thumbnail, result.spritesheet):
        with scratch_folder(folder / path.name) as beside:
            put_into_place(shutil.copyfile(path, beside / path.name), folder / path.name)


def _catch_interrupts() -> list[int]:
    """A list that receives SIGINT: the engine then stops at its next step and cleans up."""
    received: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: received.append(number))
    return received


def _show_progress(events: Iterable[Event]) -> Result:
    for event in events:
        match event:
            case Progress():
                _print_status(_progress_bar(event))
            case Done(result):
                _print_status("")
                return result
    raise AssertionError("A run ends with Done or an exception.")


def _progress_bar(progress: Progress) -> str:
    full = round(progress.fraction * _BAR_WIDTH)
    left = "" if progress.eta_seconds is None else f", {progress.eta_seconds:.0f} s left"
    step = f" {progress.step}/{progress.steps}" if progress.stage == "denoising" else ""
    window = f" (window {progress.window}/{progress.windows})" if progress.windows > 1 else ""
    return f"[{'#' * full}{'.' * (_BAR_WIDTH - full)}] {progress.fraction:4.0%} {progress.stage}{step}{window}{left}"


def _print_status(line: str) -> None:
    """Replace the status line, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def _summary_line(out: Path, result: Result, request: Request, seconds: float) -> str:
    return (
        f"Wrote {out}: {result.width}x{result.height}, {result.seconds:g} s, {result.frames} frames at "
        f"{result.fps}/s, {result.video.stat().st_size / 1000:.0f} kB; {request.model}, seed {request.seed}, "
        f"made in {seconds:.1f} s."
    )


if __name__ == "__main__":
    sys.exit(main())
