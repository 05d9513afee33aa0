"""Every setting, read once. The only module that looks at the environment.

A setting is a field; its variable is `KINORA_` and the field's name in capitals, except `DATABASE_URL` and
`REDIS_URL`, which are named as every host names them.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from engine.catalog import registry
from engine.types import EngineConfig, LoraSource

MIN_SECRET_LENGTH = 16
UNPREFIXED = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}


class SettingsError(Exception):
    """A setting that cannot be used; the message names the variable and what it takes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One process's settings.

    Times are seconds and sizes are bytes. `weights` replaces a catalogue model's own weights by a folder or
    a hub id; `aliases` maps the names old clients send to models served here.

    How a model is put on a machine chooses itself, by the table in `engine.placement.policy`; `kinora doctor` says
    what comes of it. `offload` sends what is not needed from the GPU into the machine's memory: `model` all but one
    part at a time, `group` all but a few blocks. `quantisation` keeps weights smaller: `float8` by diffusers itself,
    `int8` with torchao and `nf4` with bitsandbytes installed. `attention` is a backend of diffusers. `parallel` is how
    many GPUs share one clip, 0 for all that the process sees.

    `loras` are `name=source@model`: a folder, a .safetensors file or a hub id, for a model served here (without
    `@model` for the first). They hang on the model when it is loaded, and requests name them.

    `stripe_key` is the secret key of the Stripe account that sells; without one nothing is sold. `stripe_url` is where
    Stripe is, if it is not at its own address. `stripe_webhook_secrets` are the signing secrets of our endpoint there,
    two while one replaces the other; without any the endpoint is closed. `app_schemes` are those of the operator's own
    apps, as `myapp` for myapp://paid: pages to pay at may lead there.

    `frame_rules` names a function of the operator's, as `package.module:function`, that judges frames before they
    leave: it takes [F, H, W, 3] bytes and returns None, or in a few words why not.

    An upload in parts is interrupted when nothing arrives for `upload_stall_timeout`, so that another request may
    continue it.

    `tariff` is a file of plans, packs and prices in the place of Kinora's own, api/billing/tariff/tariff.toml.
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
    offload: Literal["auto", "none", "model", "group"] = "auto"
    quantisation: Literal["auto", "none", "float8", "int8", "nf4"] = "auto"
    tiling: Literal["auto", "on", "off"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    attention: str = "auto"
    parallel: int = 1
    loras: dict[str, str] = {}
    frame_rules: str = ""

    pool: str = "default"
    lease: float = 15.0
    sweep_every: float = 5.0
    job_timeout: float = 1800.0
    max_tries: int = 3
    max_losses: int = 20

    tariff: Path | None = None
    stripe_key: str = ""
    stripe_url: str = ""
    stripe_webhook_secrets: list[str] = []
    app_schemes: list[str] = []

    rate_limits: bool = True
    full_disk: float = 0.95
    max_upload: int = 50 * 1024 * 1024
    upload_stall_timeout: float = 20.0

    @property
    def loopback(self) -> bool:
        """Whether nobody but this machine can reach the server, be it directly or through a proxy."""
        return is_loopback(self.host) and is_loopback(urlsplit(self.origin).hostname or "")

    @property
    def named_loras(self) -> tuple[LoraSource, ...]:
        """The LoRAs with the models they are for."""
        parted = ((name, *value.rpartition("@")) for name, value in self.loras.items())
        return tuple(
            LoraSource(name, model if at else self.models[0], source if at else model)
            for name, source, at, model in parted
        )

    @property
    def video_models(self) -> tuple[str, ...]:
        """The models served here that make films, and not stills only."""
        return tuple(name for name in self.models if registry.find_model(name).makes_videos)

    @property
    def engine_config(self) -> EngineConfig:
        """What of this concerns the engine."""
        return EngineConfig(
            weights=self.weights,
            device=self.device,
            dtype=self.dtype,
            threads=self.threads,
            offload=self.offload,
            quantisation=self.quantisation,
            tiling=self.tiling,
            compile=self.compile,
            attention=self.attention,
            parallel=self.parallel,
            loras=self.named_loras,
            frame_rules=self.frame_rules,
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port that clients use, for absolute URLs in answers."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment; raise SettingsError naming the variable that does not fit."""
        values = {f.name: _read_value(f.type, f.name, environ) for f in msgspec.structs.fields(cls)}
        settings = cls(**{name: value for name, value in values.items() if value is not None})
        _check_models(settings)
        _check_loras(settings)
        if not settings.secret:
            return msgspec.structs.replace(settings, secret=_load_secret(settings.data))
        if len(settings.secret) < MIN_SECRET_LENGTH:
            raise SettingsError(f"KINORA_SECRET must have at least {MIN_SECRET_LENGTH} characters.")
        return settings

    def to_environment(self) -> dict[str, str]:
        """The variables that give a child process these same settings."""
        plain = msgspec.to_builtins(self, enc_hook=str)
        return {_variable_name(name): _variable_text(value) for name, value in plain.items()}


def _check_models(settings: Settings) -> None:
    for field, names in (("models", settings.models), ("weights", settings.weights)):
        if unknown := [name for name in names if name not in registry.MODELS]:
            known = ", ".join(registry.MODELS)
            raise SettingsError(f"{_variable_name(field)} names a model {unknown[0]!r}; known are {known}.")


def _check_loras(settings: Settings) -> None:
    for lora in settings.named_loras:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", lora.name):
            raise SettingsError(f"KINORA_LORAS names {lora.name!r}: a name has up to 64 letters, digits, - and _.")
        if lora.model not in settings.models or not lora.source:
            served = ", ".join(settings.models)
            reason = f"KINORA_LORAS takes name=source@model, with one of {served} as model; not {lora.model!r}."
            raise SettingsError(reason)


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _variable_name(name: str) -> str:
    return UNPREFIXED.get(name, f"KINORA_{name.upper()}")


def _variable_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _read_value(kind: Any, name: str, environ: Mapping[str, str]) -> Any:
    """The variable's value in the field's type; None where it is unset or empty."""
    text = environ.get(_variable_name(name), "")
    if not text:
        return None
    try:
        if kind in (list[str], dict[str, str]) and text[:1] in "[{":
            return msgspec.json.decode(text, type=kind)
        return _parse_value(kind, text)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        reason = f"{_variable_name(name)} is {text!r}, which does not fit: {error}"
        raise SettingsError(reason) from error


def _parse_value(kind: Any, text: str) -> Any:
    """Lists as `a,b` and maps as `name=value,name=value`; everything else as msgspec reads a string."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if kind == list[str]:
        return parts
    if kind == dict[str, str]:
        if wrong := [part for part in parts if "=" not in part]:
            raise ValueError(f"it takes name=value,name=value, and {wrong[0]!r} has no =")
        return dict(part.split("=", 1) for part in parts)
    return Path(text) if kind in (Path, Path | None) else msgspec.convert(text, kind, strict=False)


def _load_secret(data: Path) -> str:
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
