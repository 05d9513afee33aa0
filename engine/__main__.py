"""The engine on the command line: `python -m engine "a red ball bounces" out.mp4 --seconds 5 --size 320x192`.

It proves that the engine needs no server. Exit codes: 0 done, 1 failed, 2 the command asks for what cannot be
made, 130 interrupted.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from engine import cli
from engine.catalog.validation import check_request
from engine.types import Done, EngineConfig, EngineError, Event, JobCancelled, Progress, Request, Result

_BAR = 30


def main(arguments: list[str] | None = None) -> int:
    parser = cli.parser()
    options = parser.parse_args(arguments)
    try:
        config, request = cli.asked(options)
    except EngineError as error:
        parser.error(str(error))
    if problems := check_request(request):
        parser.error(" ".join(problem.message for problem in problems))
    if not options.out.parent.is_dir() or options.out.is_dir():
        parser.error(f"{options.out} is not a file in a folder that exists.")
    try:
        return _film(config, request, options.out, options.assets)
    except EngineError as error:
        print(f"{parser.prog}: {error} ({error.code})", file=sys.stderr)
        return 1
    except JobCancelled:
        print(f"{parser.prog}: interrupted; nothing was written.", file=sys.stderr)
        return 130


def _film(config: EngineConfig, request: Request, out: Path, assets: Path | None) -> int:
    interrupted = _interruptible()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads; why: engine.process.forkserver
    _say("Loading the engine…")
    from engine.runtime.engine import Engine

    started = time.monotonic()
    # Beside the result, so that moving it there is one step on one disk.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".kinora-") as folder:
        result = _watch(Engine(config).run(request, Path(folder), lambda: bool(interrupted)))
        result.video.replace(out)
        if assets is not None:
            assets.mkdir(parents=True, exist_ok=True)
            for path in (result.poster, result.thumbnail, result.spritesheet):
                shutil.move(path, assets / path.name)
    print(_summary(out, result, request, time.monotonic() - started))
    return 0


def _interruptible() -> list[int]:
    """A list that Ctrl-C puts its signal into: the engine stops at its next step and cleans up."""
    received: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: received.append(number))
    return received


def _watch(events: Iterable[Event]) -> Result:
    for event in events:
        match event:
            case Progress():
                _say(_bar(event))
            case Done(result):
                _say("")
                return result
    raise AssertionError("A run ends with Done or an exception.")


def _bar(progress: Progress) -> str:
    full = round(progress.fraction * _BAR)
    left = "" if progress.eta_seconds is None else f", {progress.eta_seconds:.0f} s left"
    step = f" {progress.step}/{progress.steps}" if progress.stage == "denoising" else ""
    window = f" (window {progress.window}/{progress.windows})" if progress.windows > 1 else ""
    return f"[{'#' * full}{'.' * (_BAR - full)}] {progress.fraction:4.0%} {progress.stage}{step}{window}{left}"


def _say(line: str) -> None:
    """Show a line in place of the last one, to a person only: a log has no use for it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def _summary(out: Path, result: Result, request: Request, seconds: float) -> str:
    return (
        f"Wrote {out}: {result.width}x{result.height}, {result.seconds:g} s, {result.frames} frames at "
        f"{result.fps}/s, {out.stat().st_size / 1000:.0f} kB; {request.model}, seed {request.seed}, "
        f"made in {seconds:.1f} s."
    )


if __name__ == "__main__":
    sys.exit(main())
