"""Command-line options, and the engine configuration and request that they make."""

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

_BLEND_SECONDS: Final = 4.0  # seconds, unless --seconds says otherwise


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m engine", description="Make a video from a sentence, or from other videos."
    )
    parser.add_argument("prompt", help="what the video shows")
    parser.add_argument("out", type=Path, help="the MP4 file to write")
    parser.add_argument("--seconds", type=float, help="length (with --extend: to add), default 5; 0 is a still")
    parser.add_argument("--size", type=_parse_size, metavar="WxH", help="pixels, default the model's own")
    parser.add_argument("--seed", type=int, help="the same seed makes the same video; default random")
    parser.add_argument("--model", default=DEFAULT_MODEL, help=f"a folder of weights, or one of {', '.join(MODELS)}")
    parser.add_argument(
        "--like", default=DEFAULT_MODEL, choices=MODELS, help="which model the weights in a folder are of"
    )
    parser.add_argument(
        "--image", type=_read_image, metavar="FILE", help="an image to begin with (PNG, JPEG, WebP or AVIF)"
    )
    parser.add_argument("--last", type=_read_image, metavar="FILE", help="an image to end with")
    parser.add_argument("--negative", default="", metavar="TEXT", help="what the video should not show")
    parser.add_argument("--quality", choices=("turbo", "full"), default="full")
    parser.add_argument("--steps", type=int, help="denoising steps, default the model's own")
    parser.add_argument("--guidance", type=float, help="how closely to follow the prompt, default the model's own")
    parser.add_argument(
        "--lora", type=_parse_lora, action="append", default=[], metavar="NAME=SOURCE[:WEIGHT]", help="a LoRA to apply"
    )
    parser.add_argument("--device", default="auto", help="a torch device, default the best there is")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, default all")
    parser.add_argument("--marked", action="store_true", help="draw the visible watermark into the lower right corner")
    parser.add_argument("--assets", type=Path, metavar="DIR", help="also write poster, thumbnail and sprite sheet")
    _add_operations(parser.add_argument_group("from videos that this command wrote"))
    return parser


def _add_operations(group: argparse._ArgumentGroup) -> None:
    operation = group.add_mutually_exclusive_group()
    operation.add_argument("--extend", type=_existing_video, metavar="VIDEO", help="continue a video")
    operation.add_argument(
        "--remix", type=_existing_video, metavar="VIDEO", help="generate a video again, by this prompt"
    )
    operation.add_argument(
        "--edit", type=_existing_video, metavar="VIDEO", help="change what the prompt says otherwise, keep the rest"
    )
    operation.add_argument(
        "--blend", type=_existing_video, nargs=2, metavar="VIDEO", help="begin as one video and end as another"
    )
    operation.add_argument(
        "--loop", type=_existing_video, nargs="?", const=Path(), metavar="VIDEO", help="a loop, of VIDEO or new"
    )
    group.add_argument("--direction", choices=get_args(Direction), default="forward", help="of --extend")
    group.add_argument("--strength", choices=get_args(Strength), default="mild", help="of --remix and --edit")
    group.add_argument("--was", default="", metavar="TEXT", help="what the video of --edit shows")
    group.add_argument("--curve", choices=BLEND_CURVES, default="even", help="of --blend")
    group.add_argument("--length", choices=LOOP_SECONDS, default="normal", help="of what --loop generates")


def _parse_size(text: str) -> Size:
    width, _, height = text.partition("x")
    try:
        return Size(int(width), int(height))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, as in 320x192") from None


def _read_image(text: str) -> bytes:
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error.strerror}") from None


def _parse_lora(text: str) -> tuple[str, str, float]:
    """Name, source and weight. The part behind the last colon is a weight only if it is a number."""
    name, _, rest = text.partition("=")
    source, _, weight = rest.rpartition(":")
    try:
        lora = (name, source, float(weight)) if source else (name, rest, 1.0)
    except ValueError:
        lora = (name, rest, 1.0)
    if not (lora[0] and lora[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SOURCE or NAME=SOURCE:WEIGHT, as in ink=loras/ink:0.8")
    return lora


def _existing_video(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no video {text}")
    return Path(text)


def build_request(options: argparse.Namespace) -> tuple[EngineConfig, Request]:
    """The engine's configuration and the request. Raises EngineError for a source video that cannot be read."""
    folder = options.model not in MODELS and Path(options.model).is_dir()
    name = options.like if folder else options.model
    size = options.size or (MODELS[name].default_size if name in MODELS else Size(0, 0))
    config = EngineConfig(
        weights={name: options.model} if folder else {},
        device=options.device,
        threads=options.threads,
        loras=tuple(LoraSource(lora, name, source) for lora, source, _ in options.lora),
    )
    images = ((options.image, 0), (options.last, -1))
    request = Request(
        model=name,
        prompt=options.prompt,
        width=size.width,
        height=size.height,
        seconds=5.0 if options.seconds is None else options.seconds,
        seed=secrets.randbits(32) if options.seed is None else options.seed,
        negative_prompt=options.negative,
        quality=options.quality,
        conditions=tuple(ImageCondition(image, frame) for image, frame in images if image is not None),
        source_prompt=options.was,
        steps=options.steps,
        guidance_scale=options.guidance,
        loras=tuple(LoraWeight(lora, weight) for lora, _, weight in options.lora),
        marked=options.marked,
    )
    return config, _apply_operation(request, options) if name in MODELS else request


def _apply_operation(request: Request, options: argparse.Namespace) -> Request:
    """The request with the source videos of the options laid out in it."""
    if options.extend:
        return operations.extend_clip(
            request, _source_clip(request, options.extend), request.seconds, options.direction
        )
    if options.remix:
        return operations.remix_clip(request, _source_clip(request, options.remix), options.strength)
    if options.edit:
        return operations.edit_clip(request, _source_clip(request, options.edit), options.strength)
    if options.blend:
        first, second = (_source_clip(request, video) for video in options.blend)
        return operations.blend_clips(request, first, second, options.curve, options.seconds or _BLEND_SECONDS)
    if options.loop == Path():
        return replace(request, loop=True)
    return (
        operations.loop_clip(request, _source_clip(request, options.loop), options.length) if options.loop else request
    )


def _source_clip(request: Request, video: Path) -> SourceClip:
    from engine.media.video_reader import VideoReader  # not above: a mistake in the options should not wait for a codec

    return SourceClip(video, VideoReader(MODELS[request.model].fps).count_frames(video))
