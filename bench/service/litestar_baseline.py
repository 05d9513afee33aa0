"""A Litestar application that only returns fixed bytes: the lower bound for every route of the API.

`python -m bench.service.litestar_baseline --fd N FILE…`: the first file is the answer to `/0`, the next to `/1`.
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import uvicorn
from litestar import Litestar, MediaType, get
from litestar.handlers import HTTPRouteHandler


def fixed_route(number: int, answer: bytes) -> HTTPRouteHandler:
    """A route that is one return."""

    @get(f"/{number}", media_type=MediaType.JSON)
    async def return_body() -> bytes:
        return answer

    return return_body


def main() -> None:
    """Serve as `kinora serve` does: the same server, loop and parser, no access log."""
    parser = argparse.ArgumentParser(prog="python -m bench.service.litestar_baseline")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("answers", type=Path, nargs="+")
    options = parser.parse_args()
    routes = [fixed_route(number, path.read_bytes()) for number, path in enumerate(options.answers)]
    app = Litestar(routes, openapi_config=None, logging_config=None)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=options.fd)])


if __name__ == "__main__":
    main()
