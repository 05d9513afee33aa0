"""The file in which `kinora-cli login` stores the server and its API key, readable by its owner only."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from kinora._errors import KinoraError


class StoredCredentials(msgspec.Struct, kw_only=True):
    """A server and an API key for it."""

    base_url: str
    api_key: str


def credentials_path() -> Path:
    """The file, in the user's configuration directory."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "kinora" / "credentials.json"


def load_credentials() -> StoredCredentials | None:
    """What `login` stored, None before that. Raises OSError, KinoraError."""
    try:
        return msgspec.json.decode(credentials_path().read_bytes(), type=StoredCredentials)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KinoraError(f"{credentials_path()} cannot be read ({error}): run `kinora-cli login` again.") from error


def save_credentials(credentials: StoredCredentials) -> Path:
    """Store them, readable by the owner only, and return the file. Raises OSError."""
    path = Path(os.path.realpath(credentials_path()))  # a link to a file kept elsewhere stays one
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)  # an existing file would keep its mode
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(credentials))
    fresh.replace(path)
    return path
