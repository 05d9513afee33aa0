"""A minimal file server: reads a request's head, responds, and lets the kernel send the file.

`python -m bench.service.sendfile --fd N FILE`. It answers every path alike.
"""

from __future__ import annotations

import argparse
import socket
import threading
from pathlib import Path

BUFFER = 1 << 16


def serve_connection(connection: socket.socket, path: Path) -> None:
    """Answer one connection's requests until it closes."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {path.stat().st_size}\r\n\r\n".encode()
    with connection, path.open("rb") as file:
        while connection.recv(BUFFER):  # a client here asks once, in one piece, and waits
            connection.sendall(head)
            connection.sendfile(file)
            file.seek(0)


def main() -> None:
    """A thread for each connection."""
    parser = argparse.ArgumentParser(prog="python -m bench.service.sendfile")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    with socket.socket(fileno=options.fd) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve_connection, args=(connection, options.file), daemon=True).start()


if __name__ == "__main__":
    main()
