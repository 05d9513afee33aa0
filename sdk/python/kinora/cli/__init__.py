"""`kinora-cli`: make, change and download videos from a terminal. Only commands that use the client import it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

INTERRUPTED = 130  # exit status, by the shell's convention, after Ctrl-C
BROKEN_PIPE = 141  # exit status after the reader of the output has gone


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `parser.EXIT_STATUSES` lists them."""
    from kinora.cli.parser import build_parser

    options = build_parser().parse_args(arguments)
    from kinora._errors import KinoraError

    _replace_unencodable()
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return _discard_output()
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


def _discard_output() -> int:
    """The reader of the output has gone, as `head` does: keep Python from writing the rest when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _print_error(message: str) -> int:
    print(f"kinora-cli: {message}", file=sys.stderr)
    return 1
