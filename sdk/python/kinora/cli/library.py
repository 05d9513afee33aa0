"""The commands for videos and uploads that exist: list, get, watch, download, cancel, delete, upload."""

from __future__ import annotations

import argparse
import sys
from itertools import islice

import msgspec

from kinora._summary import describe_state
from kinora.cli.account import build_client
from kinora.cli.output import download_with_progress, wait_with_progress
from kinora.cli.uploading import upload_with_progress
from kinora.types import Video

PROMPT_WIDTH = 60  # characters of a prompt in a list


def run_list(options: argparse.Namespace) -> int:
    with build_client(options) as client:
        for video in islice(client.videos.list(limit=min(100, max(1, options.limit))), max(0, options.limit)):
            print(_to_json(video) if options.json else _list_line(video))
    return 0


def _list_line(video: Video) -> str:
    return f"{video.id}  {video.status:<11}  {video.seconds:>4} s  {video.size:>9}  {_shorten(video.prompt)}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= PROMPT_WIDTH else f"{line[: PROMPT_WIDTH - 1]}…"


def _to_json(video: Video) -> str:
    return msgspec.json.encode(video).decode()


def run_get(options: argparse.Namespace) -> int:
    with build_client(options) as client:
        video = client.videos.get(options.video)
    print(_to_json(video) if options.json else _describe_video(video))
    return 0


def _describe_video(video: Video) -> str:
    rows = {
        "id": video.id,
        "state": describe_state(video),
        "prompt": " ".join(video.prompt.split()),
        "model": video.model,
        "length": f"{video.seconds} s, {video.size}",
        "seed": video.seed,
        "cost": f"{video.cost.credits} credits, {video.cost.state}",
    }
    return "\n".join(f"{name:<7} {value}" for name, value in rows.items())


def run_watch(options: argparse.Namespace) -> int:
    with build_client(options) as client:
        if options.video:
            wait_with_progress(client, options.video, None)
            return 0
        for video in client.videos.watch_all():
            print(f"{video.id}  {video.status:<11}  {video.progress:>3} %  {_shorten(video.prompt)}", flush=True)
    return 0


def run_download(options: argparse.Namespace) -> int:
    with build_client(options) as client:
        download_with_progress(client, options.video, options.file, options.variant)
    return 0


def run_cancel(options: argparse.Namespace) -> int:
    """A video that is done already stays as it is; its line says so."""
    with build_client(options) as client:
        for video_id in options.videos:
            video = client.videos.cancel(video_id)
            print(f"{video.id} {describe_state(video)}", flush=True)
    return 0


def run_delete(options: argparse.Namespace) -> int:
    with build_client(options) as client:
        for object_id in options.ids:
            resource = client.uploads if object_id.startswith("upload_") else client.videos
            print(f"{resource.delete(object_id).id} deleted", flush=True)
    return 0


def run_upload(options: argparse.Namespace) -> int:
    with build_client(options) as client:
        upload = upload_with_progress(client, options.file, options.resume)
    print(upload.id)
    print(f"{options.file.name}: {upload.kind}; it can be used for a day", file=sys.stderr)
    return 0
