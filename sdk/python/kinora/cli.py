"""`kinora-cli`: make and download videos from a terminal. The client is imported only by the commands that use it."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from kinora import Kinora
    from kinora.types import Video

    Variant: TypeAlias = Literal["video", "thumbnail", "poster", "spritesheet"]

INTERRUPTED = 130  # exit status, by the shell's convention, after Ctrl-C
BROKEN_PIPE = 141  # exit status after the reader of the output has gone


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit status: 0, 1 after an error message, 130 after Ctrl-C, 141 after a broken pipe."""
    options = _build_parser().parse_args(arguments)
    from kinora._errors import KinoraError

    _replace_unencodable()
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return _discard_add_output_options()
    except EOFError:
        return _print_error("No terminal to prompt on: pass --email, and the password on standard input.")
    except (KinoraError, OSError, ValueError) as error:
        return _print_error(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _replace_unencodable() -> None:
    """Print a question mark for what the terminal cannot encode: a prompt may be in any language."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _discard_add_output_options() -> int:
    """The reader of the output has gone, as `head` does: keep Python from writing the rest when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _print_error(message: str) -> int:
    print(f"kinora-cli: {message}", file=sys.stderr)
    return 1


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kinora-cli", description="Make videos on a Kinora server.")
    parser.add_argument("--base-url", help="URL of the server (default: KINORA_BASE_URL, then that of `login`)")
    parser.add_argument("--api-key", help="API key (default: KINORA_API_KEY, then that of `login`)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    generate = commands.add_parser("generate", help="make a video and save it")
    generate.add_argument("prompt", help="what the video shows")
    generate.add_argument("--seconds", type=int, help="length in seconds (default 4)")
    generate.add_argument("--size", help="width x height in pixels, for example 1280x720")
    generate.add_argument("--model", help="one of the server's models")
    generate.add_argument("--quality", choices=("full", "turbo"), help="turbo is faster and costs half")
    generate.add_argument("--seed", type=int, help="the same seed gives the same video")
    generate.add_argument(
        "--loop", action="store_true", default=None, help="make the end lead seamlessly into the beginning"
    )
    generate.add_argument("--image", type=Path, help="image to use as the first frame")
    _add_output_options(generate)
    generate.set_defaults(run=_run_generate)

    remix = commands.add_parser("remix", help="make a variation of a video from another prompt and save it")
    remix.add_argument("video", help="id of the video")
    remix.add_argument("prompt", help="what the variation shows")
    remix.add_argument("--strength", choices=("subtle", "mild", "strong"), help="how much may change (default mild)")
    _add_output_options(remix)
    remix.set_defaults(run=_run_remix)

    listing = commands.add_parser("list", help="list your videos, newest first")
    listing.add_argument("--limit", type=int, default=20, help="number of videos (default 20)")
    listing.set_defaults(run=_run_list)

    watch = commands.add_parser("watch", help="wait for a video; without an id, follow all videos until Ctrl-C")
    watch.add_argument("video", nargs="?", help="id of the video")
    watch.set_defaults(run=_run_watch)

    download = commands.add_parser("download", help="download a completed video")
    download.add_argument("video", help="id of the video")
    download.add_argument("file", nargs="?", type=Path, help="target file (default: named after the id)")
    download.add_argument("--variant", choices=("video", "thumbnail", "poster", "spritesheet"), default="video")
    download.set_defaults(run=_run_download)

    commands.add_parser("balance", help="show the available credits").set_defaults(run=_run_balance)

    login = commands.add_parser("login", help="sign in and store an API key for the other commands")
    login.add_argument("--email", help="e-mail address (default: prompt for it)")
    login.add_argument("--sign-up", action="store_true", help="create the account first")
    login.set_defaults(run=_run_login)
    return parser


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, help="target file (default: named after the id)")
    parser.add_argument("--timeout", type=float, help="maximum number of seconds to wait (default: no limit)")
    parser.add_argument(
        "--no-wait", action="store_true", help="print the id and exit; fetch the video later with `download`"
    )


def _build_client(options: argparse.Namespace) -> Kinora:
    """A client with the options, else the environment, else what `login` stored, whose key is for its server only."""
    from kinora import Kinora, _credentials

    base_url, api_key = options.base_url, options.api_key or os.environ.get("KINORA_API_KEY")
    has_base_url = bool(base_url or os.environ.get("KINORA_BASE_URL"))
    stored = None if api_key and has_base_url else _credentials.load_credentials()
    if stored and not has_base_url:
        base_url = stored.base_url
    client = Kinora(api_key=api_key, base_url=base_url)
    if stored and not api_key and client.base_url == stored.base_url:
        return client.with_options(api_key=stored.api_key)
    return client


def _run_generate(options: argparse.Namespace) -> int:
    with _build_client(options) as client:
        video = client.videos.create(
            prompt=options.prompt,
            seconds=options.seconds,
            size=options.size,
            model=options.model,
            quality=options.quality,
            seed=options.seed,
            loop=options.loop,
            first_frame=options.image,
        )
        return _wait_and_download_with_progress(client, video, options)


def _run_remix(options: argparse.Namespace) -> int:
    with _build_client(options) as client:
        video = client.videos.remix(options.video, prompt=options.prompt, strength=options.strength)
        return _wait_and_download_with_progress(client, video, options)


def _wait_and_download_with_progress(client: Kinora, video: Video, options: argparse.Namespace) -> int:
    """Print the id before waiting, so that the video can be found if this terminal is lost; then save the video."""
    print(video.id, flush=True)
    if options.no_wait:
        return 0
    _wait_with_progress(client, video, options.timeout)
    _download_with_progress(client, video.id, options.output or Path(f"{video.id}.mp4"), "video")
    return 0


def _wait_with_progress(client: Kinora, video: Video | str, timeout: float | None) -> None:
    from kinora import _progress_bar

    video_id = video if isinstance(video, str) else video.id
    try:
        with _progress_bar.show_video_progress(video_id) as on_progress:
            client.videos.wait(video, timeout=timeout, on_progress=on_progress)
    except KeyboardInterrupt:
        print(f"\nThe video is still in progress; to follow it: kinora-cli watch {video_id}", file=sys.stderr)
        raise


def _download_with_progress(client: Kinora, video_id: str, file: Path, variant: Variant) -> None:
    from kinora import _progress_bar

    with _progress_bar.show_download_progress(file.name) as on_progress:
        client.videos.download(video_id, file, variant=variant, on_progress=on_progress)
    print(file, flush=True)


def _run_list(options: argparse.Namespace) -> int:
    from itertools import islice

    with _build_client(options) as client:
        for video in islice(client.videos.list(limit=min(100, max(1, options.limit))), max(0, options.limit)):
            print(f"{video.id}  {video.status:<11}  {video.seconds:>4} s  {video.size:>9}  {_shorten(video.prompt)}")
    return 0


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _run_watch(options: argparse.Namespace) -> int:
    with _build_client(options) as client:
        if options.video:
            _wait_with_progress(client, options.video, None)
            return 0
        for video in client.videos.watch_all():
            print(f"{video.id}  {video.status:<11}  {video.progress:>3} %  {_shorten(video.prompt)}", flush=True)
    return 0


SUFFIXES = {"video": ".mp4", "thumbnail": ".webp", "poster": ".jpg", "spritesheet": ".jpg"}


def _run_download(options: argparse.Namespace) -> int:
    with _build_client(options) as client:
        file = options.file or Path(f"{options.video}{SUFFIXES[options.variant]}")
        _download_with_progress(client, options.video, file, options.variant)
    return 0


def _run_balance(options: argparse.Namespace) -> int:
    with _build_client(options) as client:
        balance = client.billing.balance()
    print(f"{balance.available} credits available, {balance.held} held")
    print(f"  allowance {balance.buckets.allowance.amount}, purchased {balance.buckets.purchased.amount}")
    return 0


def _run_login(options: argparse.Namespace) -> int:
    from kinora import Kinora, KinoraError, _credentials

    with Kinora(base_url=options.base_url, api_key=options.api_key) as client:
        email = options.email or input("E-mail: ")
        password = getpass.getpass("Password: ")
        authenticate = client.auth.sign_up if options.sign_up else client.auth.log_in
        tokens = authenticate(email=email, password=password)
        signed_in = client.with_options(api_key=tokens.access_token)
        key = signed_in.api_keys.create(name=f"kinora-cli on {socket.gethostname()}"[:100])
        if key.key is None:
            raise KinoraError("The server did not return the secret of the new API key; try again.")
        path = _credentials.save_credentials(_credentials.StoredCredentials(base_url=client.base_url, api_key=key.key))
    print(f"Signed in as {tokens.user.email}; the API key is stored in {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
