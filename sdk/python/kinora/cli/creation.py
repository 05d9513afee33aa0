"""The commands that make a video, wait for it and save it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinora import Kinora
from kinora.cli.account import build_client
from kinora.cli.output import choose_output, download_with_progress, message_stream, wait_with_progress
from kinora.cli.uploading import upload_with_progress
from kinora.types import Upload, Video


def run_generate(options: argparse.Namespace) -> int:
    return _create_and_save(
        options,
        lambda client: client.videos.create(
            prompt=options.prompt,
            seconds=options.seconds,
            size=options.size,
            model=options.model,
            loop=options.loop,
            first_frame=options.image,
            last_frame=options.last_image,
            **_common_arguments(options),
        ),
    )


def run_remix(options: argparse.Namespace) -> int:
    return _create_and_save(
        options,
        lambda client: client.videos.remix(
            options.video, prompt=options.prompt, strength=options.strength, **_common_arguments(options)
        ),
    )


def run_edit(options: argparse.Namespace) -> int:
    return _create_and_save(
        options,
        lambda client: client.videos.edit(
            video=_source(client, options.video),
            prompt=options.prompt,
            strength=options.strength,
            **_common_arguments(options),
        ),
    )


def run_extend(options: argparse.Namespace) -> int:
    return _create_and_save(
        options,
        lambda client: client.videos.extend(
            video=_source(client, options.video),
            prompt=options.prompt,
            seconds=options.seconds,
            direction=options.direction,
            **_common_arguments(options),
        ),
    )


def run_loop(options: argparse.Namespace) -> int:
    return _create_and_save(
        options,
        lambda client: client.videos.loop(
            video=_source(client, options.video), length=options.length, **_common_arguments(options)
        ),
    )


def run_blend(options: argparse.Namespace) -> int:
    return _create_and_save(
        options,
        lambda client: client.videos.blend(
            from_=_source(client, options.from_),
            to=_source(client, options.to),
            curve=options.curve,
            seconds=options.seconds,
            **_common_arguments(options),
        ),
    )


def _common_arguments(options: argparse.Namespace) -> dict[str, Any]:
    return {"quality": options.quality, "seed": options.seed, "negative_prompt": options.negative_prompt}


def _source(client: Kinora, text: str) -> str | Upload:
    """What a command makes a video from: a file is uploaded, anything else is the id of a video or an upload."""
    return upload_with_progress(client, Path(text)) if Path(text).is_file() else text


def _create_and_save(options: argparse.Namespace, create: Callable[[Kinora], Video]) -> int:
    """Create a video, print its id, so that it can be found if this terminal is lost, wait for it and save it."""
    if not options.no_wait:
        choose_output(options.output, "", "video")  # refused before anything is paid for
    with build_client(options) as client:
        video = create(client)
        print(video.id, file=message_stream(options.output), flush=True)
        if not options.no_wait:
            wait_with_progress(client, video, options.timeout)
            download_with_progress(client, video.id, options.output, "video")
    return 0
