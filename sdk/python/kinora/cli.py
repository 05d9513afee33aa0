"""`kinora-cli`: a Kinora server from a terminal. Nothing heavy is imported before it is needed."""

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

INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended
UNHEARD = 141  # what it says of one whose output nobody reads any more


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 for an error that was said in a sentence, or 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    from kinora._errors import KinoraError

    _lenient()
    try:
        done: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return _unheard()
    except EOFError:
        return _say("There is nobody to ask here: give --email, and the password on the standard input.")
    except (KinoraError, OSError, ValueError) as error:
        return _say(f"{error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return done


def _lenient() -> None:
    """Print what the terminal's encoding lacks as a question mark: a prompt may be in any language."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _unheard() -> int:
    """Whoever read the output has left, as `head` does; Python must not try to write the rest at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UNHEARD


def _say(sentence: str) -> int:
    print(f"kinora-cli: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kinora-cli", description="From a sentence to a video, from a terminal.")
    parser.add_argument("--base-url", help="the server (default: KINORA_BASE_URL, then the one of `login`)")
    parser.add_argument("--api-key", help="the key (default: KINORA_API_KEY, then the one of `login`)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    generate = commands.add_parser("generate", help="make a video and save it")
    generate.add_argument("prompt", help="what to show")
    generate.add_argument("--seconds", type=int, help="its length (default 4)")
    generate.add_argument("--size", help="width x height in pixels, such as 1280x720")
    generate.add_argument("--model", help="one of the server's models")
    generate.add_argument("--quality", choices=("full", "turbo"), help="turbo costs half and is made sooner")
    generate.add_argument("--seed", type=int, help="the same seed makes the same video")
    generate.add_argument("--loop", action="store_true", default=None, help="let its end lead into its beginning")
    generate.add_argument("--image", type=Path, help="an image to begin with")
    _output(generate)
    generate.set_defaults(run=_generate)

    remix = commands.add_parser("remix", help="make a video again by another prompt, and save it")
    remix.add_argument("video", help="its id")
    remix.add_argument("prompt", help="what to show instead")
    remix.add_argument("--strength", choices=("subtle", "mild", "strong"), help="how much may change (default mild)")
    _output(remix)
    remix.set_defaults(run=_remix)

    listing = commands.add_parser("list", help="list your videos, newest first")
    listing.add_argument("--limit", type=int, default=20, help="how many (default 20)")
    listing.set_defaults(run=_list)

    watch = commands.add_parser("watch", help="wait for a video; without an id, follow all of them until Ctrl-C")
    watch.add_argument("video", nargs="?", help="its id")
    watch.set_defaults(run=_watch)

    download = commands.add_parser("download", help="save a video that is done")
    download.add_argument("video", help="its id")
    download.add_argument("file", nargs="?", type=Path, help="where to (default: its id)")
    download.add_argument("--variant", choices=("video", "thumbnail", "poster", "spritesheet"), default="video")
    download.set_defaults(run=_download)

    commands.add_parser("balance", help="say what there is to spend").set_defaults(run=_balance)

    login = commands.add_parser("login", help="sign in once; the key is kept for the other commands")
    login.add_argument("--email", help="your address (asked for otherwise)")
    login.add_argument("--sign-up", action="store_true", help="make an account first")
    login.set_defaults(run=_login)
    return parser


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, help="the file (default: the video's id)")
    parser.add_argument("--timeout", type=float, help="seconds to wait at most (default: as long as it takes)")
    parser.add_argument("--no-wait", action="store_true", help="print the id and leave; `download` fetches it later")


def _client(options: argparse.Namespace) -> Kinora:
    """The server and key of the command line, else of the environment, else of `login`: its key for its server only."""
    from kinora import Kinora, _credentials

    base_url, api_key = options.base_url, options.api_key or os.environ.get("KINORA_API_KEY")
    kept = None if api_key and (base_url or os.environ.get("KINORA_BASE_URL")) else _credentials.load()
    if kept and not (base_url or os.environ.get("KINORA_BASE_URL")):
        base_url = kept.base_url
    client = Kinora(api_key=api_key, base_url=base_url)
    if kept and not api_key and client.base_url == kept.base_url:
        return client.with_options(api_key=kept.api_key)
    return client


def _generate(options: argparse.Namespace) -> int:
    with _client(options) as client:
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
        return _finish(client, video, options)


def _remix(options: argparse.Namespace) -> int:
    with _client(options) as client:
        video = client.videos.remix(options.video, prompt=options.prompt, strength=options.strength)
        return _finish(client, video, options)


def _finish(client: Kinora, video: Video, options: argparse.Namespace) -> int:
    """The id at once, so that nothing is lost whatever happens to this terminal; then the file."""
    print(video.id, flush=True)
    if options.no_wait:
        return 0
    _wait(client, video, options.timeout)
    _save(client, video.id, options.output or Path(f"{video.id}.mp4"), "video")
    return 0


def _wait(client: Kinora, video: Video | str, timeout: float | None) -> None:
    from kinora import _progress_bar

    name = video if isinstance(video, str) else video.id
    try:
        with _progress_bar.making(name) as show:
            client.videos.wait(video, timeout=timeout, on_progress=show)
    except KeyboardInterrupt:
        print(f"\nIt is still being made: kinora-cli watch {name}", file=sys.stderr)
        raise


def _save(client: Kinora, video_id: str, file: Path, variant: Variant) -> None:
    from kinora import _progress_bar

    with _progress_bar.fetching(file.name) as show:
        client.videos.download(video_id, file, variant=variant, on_progress=show)
    print(file, flush=True)


def _list(options: argparse.Namespace) -> int:
    from itertools import islice

    with _client(options) as client:
        for video in islice(client.videos.list(limit=min(100, max(1, options.limit))), max(0, options.limit)):
            print(f"{video.id}  {video.status:<11}  {video.seconds:>4} s  {video.size:>9}  {_short(video.prompt)}")
    return 0


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _watch(options: argparse.Namespace) -> int:
    with _client(options) as client:
        if options.video:
            _wait(client, options.video, None)
            return 0
        for video in client.videos.watch_all():
            print(f"{video.id}  {video.status:<11}  {video.progress:>3} %  {_short(video.prompt)}", flush=True)
    return 0


SUFFIXES = {"video": ".mp4", "thumbnail": ".webp", "poster": ".jpg", "spritesheet": ".jpg"}


def _download(options: argparse.Namespace) -> int:
    with _client(options) as client:
        file = options.file or Path(f"{options.video}{SUFFIXES[options.variant]}")
        _save(client, options.video, file, options.variant)
    return 0


def _balance(options: argparse.Namespace) -> int:
    with _client(options) as client:
        balance = client.billing.balance()
    print(f"{balance.available} credits to spend, {balance.held} set aside")
    print(f"  allowance {balance.buckets.allowance.amount}, bought {balance.buckets.purchased.amount}")
    return 0


def _login(options: argparse.Namespace) -> int:
    from kinora import Kinora, KinoraError, _credentials

    with Kinora(base_url=options.base_url, api_key=options.api_key) as client:
        email = options.email or input("E-mail: ")
        password = getpass.getpass("Password: ")
        enter = client.auth.sign_up if options.sign_up else client.auth.log_in
        tokens = enter(email=email, password=password)
        signed_in = client.with_options(api_key=tokens.access_token)
        key = signed_in.api_keys.create(name=f"kinora-cli on {socket.gethostname()}"[:100])
        if key.key is None:
            raise KinoraError("The server answered an older key without its secret; try again.")
        path = _credentials.save(_credentials.Credentials(base_url=client.base_url, api_key=key.key))
    print(f"Signed in as {tokens.user.email}; the key is in {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
