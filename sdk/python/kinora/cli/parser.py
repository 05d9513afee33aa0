"""The commands of `kinora-cli` and their options. Each command's module is imported only to run it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

EXIT_STATUSES = """\
exit status:
  0    done
  1    an error, which standard error names: also a video that failed or was cancelled, or a --timeout
  2    options that do not fit together
  130  Ctrl-C; the video goes on, and the last line says how to follow or cancel it
  141  the reader of the output has gone
"""
SOURCE = "id of a video or an upload, or a video file to upload"
OUTPUT = "target file or directory, - for standard output (default: named after the id)"
STRENGTHS = ("subtle", "mild", "strong")
VARIANTS = ("video", "thumbnail", "poster", "spritesheet")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; `run` of what it returns carries one out."""
    parser = argparse.ArgumentParser(
        prog="kinora-cli",
        description="Make videos on a Kinora server. `kinora-cli COMMAND --help` lists the options of a command.",
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base-url", help="URL of the server (default: KINORA_BASE_URL, then that of `login`)")
    parser.add_argument("--api-key", help="API key (default: KINORA_API_KEY, then that of `login`)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_creation(commands)
    _add_library(commands)
    _add_account(commands)
    return parser


Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it
Run = Callable[[argparse.Namespace], int]


def _deferred(module: str, function: str) -> Run:
    """A function of a module that is imported when it is called."""

    def run(options: argparse.Namespace) -> int:
        status: int = getattr(import_module(f"kinora.cli.{module}"), function)(options)
        return status

    return run


def _add_creation(commands: Commands[argparse.ArgumentParser]) -> None:
    generate = _creation(commands, "generate", "make a video and save it")
    generate.add_argument("prompt", help="what the video shows")
    generate.add_argument("--seconds", type=int, help="length in seconds (default 4)")
    generate.add_argument("--size", help="width x height in pixels, for example 1280x720")
    generate.add_argument("--model", help="one of the server's models")
    generate.add_argument("--image", type=Path, help="image to use as the first frame")
    generate.add_argument("--last-image", type=Path, help="image to use as the last frame")
    generate.add_argument(
        "--loop", action="store_true", default=None, help="make the end lead seamlessly into the beginning"
    )

    remix = _creation(commands, "remix", "make a variation of a video from another prompt and save it")
    remix.add_argument("video", help="id of the video")
    remix.add_argument("prompt", help="what the variation shows")
    remix.add_argument("--strength", choices=STRENGTHS, help="how much may change (default mild)")

    edit = _creation(commands, "edit", "change what a prompt says in a video, keep the rest, and save it")
    edit.add_argument("video", help=SOURCE)
    edit.add_argument("prompt", help="what should be different")
    edit.add_argument("--strength", choices=STRENGTHS, help="how much may change (default mild)")

    extend = _creation(commands, "extend", "continue a video and save the whole")
    extend.add_argument("video", help=SOURCE)
    extend.add_argument("prompt", nargs="?", help="what happens next (default: the video's own prompt)")
    extend.add_argument("--seconds", type=int, default=4, help="seconds to add (default 4)")
    extend.add_argument("--direction", choices=("forward", "backward"), help="add to the end, or before the beginning")

    loop = _creation(commands, "loop", "turn a video into a seamless loop and save it")
    loop.add_argument("video", help=SOURCE)
    loop.add_argument("--length", choices=("short", "normal", "long"), help="how long the way back takes")

    blend = _creation(commands, "blend", "begin as one video, end as another, and save it")
    blend.add_argument("from_", metavar="from", help=SOURCE)
    blend.add_argument("to", help=SOURCE)
    blend.add_argument("--curve", choices=("even", "early", "late", "sudden"), help="when the change happens")
    blend.add_argument("--seconds", type=int, help="length in seconds (default 4)")


def _creation(commands: Commands[argparse.ArgumentParser], name: str, help_text: str) -> argparse.ArgumentParser:
    """A command that makes a video, waits for it and saves it, with the options that all of them have."""
    parser = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
    parser.add_argument("--quality", choices=("full", "turbo"), help="turbo is faster and costs half")
    parser.add_argument("--seed", type=int, help="the same seed gives the same video")
    parser.add_argument("--negative-prompt", help="what the video should not show")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help=OUTPUT,
    )
    parser.add_argument("--timeout", type=float, help="maximum number of seconds to wait (default: no limit)")
    parser.add_argument(
        "--no-wait", action="store_true", help="print the id and exit; fetch the video later with `download`"
    )
    parser.set_defaults(run=_deferred("creation", f"run_{name}"))
    return parser


def _add_library(commands: Commands[argparse.ArgumentParser]) -> None:
    listing = _command(commands, "list", "list your videos, newest first")
    listing.add_argument("--limit", type=int, default=20, help="number of videos (default 20)")
    _add_json_option(listing)

    details = _command(commands, "get", "show one video")
    details.add_argument("video", help="id of the video")
    _add_json_option(details)

    watch = _command(commands, "watch", "wait for a video; without an id, follow all videos until Ctrl-C")
    watch.add_argument("video", nargs="?", help="id of the video")

    download = _command(commands, "download", "download a completed video")
    download.add_argument("video", help="id of the video")
    download.add_argument(
        "file",
        nargs="?",
        type=Path,
        help=OUTPUT,
    )
    download.add_argument("--variant", choices=VARIANTS, default="video", help="which rendition (default video)")

    cancel = _command(commands, "cancel", "stop videos that are still being made; only what is finished is charged")
    cancel.add_argument("videos", nargs="+", metavar="video", help="id of a video")

    delete = _command(commands, "delete", "delete videos or uploads; one that is still being made is cancelled first")
    delete.add_argument("ids", nargs="+", metavar="id", help="id of a video or an upload")

    upload = _command(commands, "upload", "upload an image or a video, for use in requests within a day")
    upload.add_argument("file", type=Path, help="the file")
    upload.add_argument("--resume", metavar="ID", help="continue this upload, which broke off, with the same file")


def _add_account(commands: Commands[argparse.ArgumentParser]) -> None:
    _command(commands, "balance", "show the available credits", module="account")
    login = _command(commands, "login", "sign in and store an API key for the other commands", module="account")
    login.add_argument("--email", help="e-mail address (default: prompt for it)")
    login.add_argument("--sign-up", action="store_true", help="create the account first")


def _command(
    commands: Commands[argparse.ArgumentParser], name: str, help_text: str, module: str = "library"
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
    parser.set_defaults(run=_deferred(module, f"run_{name}"))
    return parser


def _add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the server's objects, one a line")
