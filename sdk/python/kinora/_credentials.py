"""Where the command line keeps the key that `login` made: one small file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from kinora._errors import KinoraError


class Credentials(msgspec.Struct, kw_only=True):
    """A server and the key for it."""

    base_url: str
    api_key: str


def home() -> Path:
    """The file, in the folder where a person's settings lie."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "kinora" / "credentials.json"


def load() -> Credentials | None:
    """What `login` kept, if it did. Raises OSError, KinoraError."""
    try:
        return msgspec.json.decode(home().read_bytes(), type=Credentials)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KinoraError(f"{home()} cannot be read ({error}): run `kinora-cli login` again.") from error


def save(credentials: Credentials) -> Path:
    """Keep it, readable by its owner alone. Raises OSError."""
    path = home()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)  # one that is there already would keep its mode
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(credentials))
    fresh.replace(path)
    return path
