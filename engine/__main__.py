"""The engine on the command line: `python -m engine "a red ball bounces" out.mp4 --seconds 5 --size 320x192`.

It proves that the engine needs no server. Exit codes: 0 done, 1 failed, 2 the command asks for what cannot be
made, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from engine.catalog import DEFAULT, MODELS, Size, check_request
from engine.types import Cancelled, Condition, Done, EngineConfig, EngineError, Event, Progress, Request, Result

_BAR = 30


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    config, request = _asked(options)
    if problems := check_request(request):
        parser.error(" ".join(problem.message for problem in problems))
    if not options.out.parent.is_dir() or options.out.is_dir():
        parser.error(f"{options.out} is not a file in a folder that exists.")
    try:
        return _film(config, request, options.out, options.assets)
    except EngineError as error:
        print(f"{parser.prog}: {error} ({error.code})", file=sys.stderr)
        return 1
    except Cancelled:
        print(f"{parser.prog}: interrupted; nothing was written.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m engine", description="Make a video from a sentence.")
    parser.add_argument("prompt", help="what the video shows")
    parser.add_argument("out", type=Path, help="the MP4 file to write")
    parser.add_argument("--seconds", type=float, default=5.0, help="length, default 5; 0 is a still of one frame")
    parser.add_argument("--size", type=_size, metavar="WxH", help="pixels, default the model's own")
    parser.add_argument("--seed", type=int, help="the same seed makes the same video; default random")
    parser.add_argument("--model", default=DEFAULT, help=f"a folder of weights, or one of {', '.join(MODELS)}")
    parser.add_argument("--like", default=DEFAULT, choices=MODELS, help="which model the weights in a folder are of")
    parser.add_argument("--image", type=_image, metavar="FILE", help="a picture to begin with (PNG, JPEG or WebP)")
    parser.add_argument("--negative", default="", metavar="TEXT", help="what the video should not show")
    parser.add_argument("--quality", choices=("turbo", "full"), default="full")
    parser.add_argument("--steps", type=int, help="denoising steps, default the model's own")
    parser.add_argument("--guidance", type=float, help="how closely to follow the prompt, default the model's own")
    parser.add_argument("--device", default="auto", help="a torch device, default the best there is")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, default all")
    parser.add_argument("--assets", type=Path, metavar="DIR", help="also write poster, thumbnail and sprite sheet")
    return parser


def _size(text: str) -> Size:
    width, _, height = text.partition("x")
    try:
        return Size(int(width), int(height))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, as in 320x192") from None


def _image(text: str) -> bytes:
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error.strerror}") from None


def _asked(options: argparse.Namespace) -> tuple[EngineConfig, Request]:
    folder = options.model not in MODELS and Path(options.model).is_dir()
    name = options.like if folder else options.model
    size = options.size or (MODELS[name].default_size if name in MODELS else Size(0, 0))
    config = EngineConfig(
        weights={name: options.model} if folder else {}, device=options.device, threads=options.threads
    )
    return config, Request(
        model=name,
        prompt=options.prompt,
        width=size.width,
        height=size.height,
        seconds=options.seconds,
        seed=secrets.randbits(32) if options.seed is None else options.seed,
        negative_prompt=options.negative,
        quality=options.quality,
        conditions=() if options.image is None else (Condition(options.image, frame=0),),
        steps=options.steps,
        guidance_scale=options.guidance,
    )


def _film(config: EngineConfig, request: Request, out: Path, assets: Path | None) -> int:
    interrupted = _interruptible()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads; why: engine.nursery
    _say("Loading the engine…")
    from engine.generate import Engine

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
