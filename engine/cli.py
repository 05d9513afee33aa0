"""What the command line asks for, as a request to the engine."""

from __future__ import annotations

import argparse
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

from engine.catalog.model import Size
from engine.catalog.registry import DEFAULT_MODEL, MODELS
from engine.planning import operations
from engine.planning.operations import BLEND_CURVES, LOOP_SECONDS, Direction, SourceClip
from engine.types import EngineConfig, ImageCondition, LoraSource, LoraWeight, Request, Strength

_BLEND: Final = 4.0  # seconds, unless --seconds says otherwise


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        "python -m engine", description="Make a video from a sentence, or from other videos."
    )
    made.add_argument("prompt", help="what the video shows")
    made.add_argument("out", type=Path, help="the MP4 file to write")
    made.add_argument("--seconds", type=float, help="length (with --extend: to add), default 5; 0 is a still")
    made.add_argument("--size", type=_size, metavar="WxH", help="pixels, default the model's own")
    made.add_argument("--seed", type=int, help="the same seed makes the same video; default random")
    made.add_argument("--model", default=DEFAULT_MODEL, help=f"a folder of weights, or one of {', '.join(MODELS)}")
    made.add_argument(
        "--like", default=DEFAULT_MODEL, choices=MODELS, help="which model the weights in a folder are of"
    )
    made.add_argument("--image", type=_image, metavar="FILE", help="a picture to begin with (PNG, JPEG or WebP)")
    made.add_argument("--last", type=_image, metavar="FILE", help="a picture to end with")
    made.add_argument("--negative", default="", metavar="TEXT", help="what the video should not show")
    made.add_argument("--quality", choices=("turbo", "full"), default="full")
    made.add_argument("--steps", type=int, help="denoising steps, default the model's own")
    made.add_argument("--guidance", type=float, help="how closely to follow the prompt, default the model's own")
    made.add_argument(
        "--lora", type=_lora, action="append", default=[], metavar="NAME=SOURCE[:WEIGHT]", help="a LoRA to wear"
    )
    made.add_argument("--device", default="auto", help="a torch device, default the best there is")
    made.add_argument("--threads", type=int, default=0, help="CPU threads, default all")
    made.add_argument("--marked", action="store_true", help="draw the visible mark into the lower right corner")
    made.add_argument("--assets", type=Path, metavar="DIR", help="also write poster, thumbnail and sprite sheet")
    _add_studio(made.add_argument_group("from films that this command wrote"))
    return made


def _add_studio(group: argparse._ArgumentGroup) -> None:
    one = group.add_mutually_exclusive_group()
    one.add_argument("--extend", type=_film, metavar="FILM", help="go on from a film's end")
    one.add_argument("--remix", type=_film, metavar="FILM", help="make a film again, by this prompt")
    one.add_argument("--edit", type=_film, metavar="FILM", help="change what the prompt says otherwise, keep the rest")
    one.add_argument("--blend", type=_film, nargs=2, metavar="FILM", help="begin as one film and end as another")
    one.add_argument("--loop", type=_film, nargs="?", const=Path(), metavar="FILM", help="without an end; FILM or new")
    group.add_argument("--direction", choices=get_args(Direction), default="forward", help="of --extend")
    group.add_argument("--strength", choices=get_args(Strength), default="mild", help="of --remix and --edit")
    group.add_argument("--was", default="", metavar="TEXT", help="what the film of --edit shows")
    group.add_argument("--curve", choices=BLEND_CURVES, default="even", help="of --blend")
    group.add_argument("--length", choices=LOOP_SECONDS, default="normal", help="of what --loop makes anew")


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


def _lora(text: str) -> tuple[str, str, float]:
    """Name, source and weight. What stands behind the last colon is a weight only if it is a number."""
    name, _, rest = text.partition("=")
    source, _, weight = rest.rpartition(":")
    try:
        found = (name, source, float(weight)) if source else (name, rest, 1.0)
    except ValueError:
        found = (name, rest, 1.0)
    if not (found[0] and found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SOURCE or NAME=SOURCE:WEIGHT, as in ink=loras/ink:0.8")
    return found


def _film(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no film {text}")
    return Path(text)


def asked(options: argparse.Namespace) -> tuple[EngineConfig, Request]:
    """How the engine runs and what it makes. Raises EngineError for a film that cannot be read."""
    folder = options.model not in MODELS and Path(options.model).is_dir()
    name = options.like if folder else options.model
    size = options.size or (MODELS[name].default_size if name in MODELS else Size(0, 0))
    config = EngineConfig(
        weights={name: options.model} if folder else {},
        device=options.device,
        threads=options.threads,
        loras=tuple(LoraSource(lora, name, source) for lora, source, _ in options.lora),
    )
    pictures = ((options.image, 0), (options.last, -1))
    request = Request(
        model=name,
        prompt=options.prompt,
        width=size.width,
        height=size.height,
        seconds=5.0 if options.seconds is None else options.seconds,
        seed=secrets.randbits(32) if options.seed is None else options.seed,
        negative_prompt=options.negative,
        quality=options.quality,
        conditions=tuple(ImageCondition(image, frame) for image, frame in pictures if image is not None),
        source_prompt=options.was,
        steps=options.steps,
        guidance_scale=options.guidance,
        loras=tuple(LoraWeight(lora, weight) for lora, _, weight in options.lora),
        marked=options.marked,
    )
    return config, _shaped(request, options) if name in MODELS else request


def _shaped(request: Request, options: argparse.Namespace) -> Request:
    """The request with the films that the options name laid out in it."""
    if options.extend:
        return operations.extend_clip(request, _clip(request, options.extend), request.seconds, options.direction)
    if options.remix:
        return operations.remix_clip(request, _clip(request, options.remix), options.strength)
    if options.edit:
        return operations.edit_clip(request, _clip(request, options.edit), options.strength)
    if options.blend:
        first, second = (_clip(request, film) for film in options.blend)
        return operations.blend_clips(request, first, second, options.curve, options.seconds or _BLEND)
    if options.loop == Path():
        return replace(request, loop=True)
    return operations.loop_clip(request, _clip(request, options.loop), options.length) if options.loop else request


def _clip(request: Request, film: Path) -> SourceClip:
    from engine.media.video_reader import VideoReader  # not above: a mistake in the options should not wait for a codec

    return SourceClip(film, VideoReader(MODELS[request.model].fps).count_frames(film))
