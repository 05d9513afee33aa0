"""Every setting, read once. The only module that looks at the environment.

A setting is a field; its variable is `KINORA_` and the field's name in capitals, except `DATABASE_URL` and
`REDIS_URL`, which are named as every host names them.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

SHORTEST_SECRET = 16
UNPREFIXED = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}


class SettingsError(Exception):
    """A setting that cannot be used; the message names the variable and what it takes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One process's settings.

    Times are seconds and sizes are bytes. `weights` replaces a catalogue model's own weights by a folder or
    a hub id; `aliases` maps the names old clients send to models served here. `frame_rules` names a function of the
    operator's, as `package.module:function`, that judges frames before they leave: it takes [F, H, W, 3] bytes and
    returns None, or in a few words why not.
    """

    database_url: str = ""
    redis_url: str = ""
    data: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    secret: str = ""
    previous_secret: str = ""
    cors_origins: list[str] = []
    database_connections: int = 10
    log_level: str = "info"

    models: list[str] = msgspec.field(default_factory=lambda: ["kinora-mini"])
    aliases: dict[str, str] = msgspec.field(
        default_factory=lambda: {"sora-2": "kinora-mini", "sora-2-pro": "kinora-mini"}
    )
    weights: dict[str, str] = {}
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    frame_rules: str = ""

    pool: str = "default"
    lease: float = 15.0
    sweep_every: float = 5.0
    job_timeout: float = 1800.0
    max_tries: int = 3
    max_losses: int = 20

    rate_limits: bool = True
    full_disk: float = 0.95
    max_upload: int = 50 * 1024 * 1024

    @property
    def loopback(self) -> bool:
        """Whether nobody but this machine can reach the server, be it directly or through a proxy."""
        return _is_loopback(self.host) and _is_loopback(urlsplit(self.origin).hostname or "")

    @property
    def origin(self) -> str:
        """Scheme, host and port that clients use, for absolute URLs in answers."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment; raise SettingsError naming the variable that does not fit."""
        values = {f.name: _value(f.type, f.name, environ) for f in msgspec.structs.fields(cls)}
        settings = cls(**{name: value for name, value in values.items() if value is not None})
        if not settings.secret:
            return msgspec.structs.replace(settings, secret=_secret(settings.data))
        if len(settings.secret) < SHORTEST_SECRET:
            raise SettingsError(f"KINORA_SECRET must have at least {SHORTEST_SECRET} characters.")
        return settings

    def environment(self) -> dict[str, str]:
        """The variables that give a child process these same settings."""
        plain = msgspec.to_builtins(self, enc_hook=str)
        return {_variable(name): _text(value) for name, value in plain.items()}


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _variable(name: str) -> str:
    return UNPREFIXED.get(name, f"KINORA_{name.upper()}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _value(kind: Any, name: str, environ: Mapping[str, str]) -> Any:
    """The variable's value in the field's type; None where it is unset or empty."""
    text = environ.get(_variable(name), "")
    if not text:
        return None
    try:
        if kind in (list[str], dict[str, str]) and text[:1] in "[{":
            return msgspec.json.decode(text, type=kind)
        return _plain(kind, text)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        reason = f"{_variable(name)} is {text!r}, which does not fit: {error}"
        raise SettingsError(reason) from error


def _plain(kind: Any, text: str) -> Any:
    """Lists as `a,b` and maps as `name=value,name=value`; everything else as msgspec reads a string."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if kind == list[str]:
        return parts
    if kind == dict[str, str]:
        return dict(part.split("=", 1) for part in parts)
    return Path(text) if kind is Path else msgspec.convert(text, kind, strict=False)


def _secret(data: Path) -> str:
    """The secret kept in the data folder, made on first use and readable by its owner alone."""
    path = data / "secret"
    data.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()
