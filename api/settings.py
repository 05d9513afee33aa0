"""Settings of a process, read from the environment. The only module that reads it.

The variable of a field is `KINORA_` and the field's name in capitals, except for `DATABASE_URL` and `REDIS_URL`, the
names that hosting providers use.
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
    """An invalid setting; the message names the variable and the values it accepts."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process. Times are in seconds, sizes in bytes.

    `weights` replaces the weights of a catalog model by a folder or a hub id; `aliases` maps model names that clients
    send to models served here.

    `auto` places a model on the machine by the table in `engine.placement.policy`; `kinora doctor` reports the result.
    `offload` moves weights that are not in use from the GPU to main memory: `model` all but one component at a time,
    `group` all but a few blocks. `quantization` compresses weights: `float8` with diffusers alone, `int8` with torchao
    and `nf4` with bitsandbytes. `attention` is an attention backend of diffusers. `parallel` is the number of GPUs that
    share one video; 0 means all visible ones.

    `loras` are `name=source@model`: a folder, a .safetensors file or a hub id, for a model served here (the first one
    without `@model`). They are attached when the model is loaded; requests activate them by name.

    `stripe_key` is the secret key of the Stripe account; without it billing is disabled. `stripe_url` replaces the
    address of Stripe's API. `stripe_webhook_secrets` are the signing secrets of the webhook endpoint, two during a
    rotation; without any the endpoint is closed. `app_schemes` are URL schemes of the operator's own apps, such as
    `myapp` for myapp://paid, to which payment pages may return.

    `frame_rules` names a function of the operator, as `package.module:function`, that checks frames before they are
    published: it takes [F, H, W, 3] bytes and returns None, or a short reason to refuse them.

    An upload in parts is interrupted when nothing arrives for `upload_stall_timeout`, so that another request may
    continue it.

    `tariff` is a file of plans, packs and prices that replaces the default, api/billing/tariff/tariff.toml.
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
    quantization: Literal["auto", "none", "float8", "int8", "nf4"] = "auto"
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
        """Whether only this machine can reach the server, directly or through a proxy."""
        return is_loopback(self.host) and is_loopback(urlsplit(self.origin).hostname or "")

    @property
    def named_loras(self) -> tuple[LoraSource, ...]:
        """The LoRAs, each with its model."""
        split = ((name, *value.rpartition("@")) for name, value in self.loras.items())
        return tuple(
            LoraSource(name, model if at else self.models[0], source if at else model)
            for name, source, at, model in split
        )

    @property
    def video_models(self) -> tuple[str, ...]:
        """The models served here that generate videos; others generate only images."""
        return tuple(name for name in self.models if registry.find_model(name).makes_videos)

    @property
    def engine_config(self) -> EngineConfig:
        """The part of the settings that configures the engine."""
        return EngineConfig(
            weights=self.weights,
            device=self.device,
            dtype=self.dtype,
            threads=self.threads,
            offload=self.offload,
            quantization=self.quantization,
            tiling=self.tiling,
            compile=self.compile,
            attention=self.attention,
            parallel=self.parallel,
            loras=self.named_loras,
            frame_rules=self.frame_rules,
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port that clients use, for absolute URLs in responses."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment. Raises SettingsError, which names the invalid variable."""
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
        """Environment variables from which a child process reads the same settings."""
        plain = msgspec.to_builtins(self, enc_hook=str)
        return {_variable_name(name): _variable_text(value) for name, value in plain.items()}


def _check_models(settings: Settings) -> None:
    for field, names in (("models", settings.models), ("weights", settings.weights)):
        if unknown := [name for name in names if name not in registry.MODELS]:
            known = ", ".join(registry.MODELS)
            raise SettingsError(f"{_variable_name(field)} names an unknown model {unknown[0]!r}; known are {known}.")


def _check_loras(settings: Settings) -> None:
    for lora in settings.named_loras:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", lora.name):
            raise SettingsError(
                f"KINORA_LORAS has the name {lora.name!r}; a name has up to 64 letters, digits, - and _."
            )
        if lora.model not in settings.models or not lora.source:
            served = ", ".join(settings.models)
            reason = f"KINORA_LORAS takes name=source@model, with one of {served} as model; not {lora.model!r}."
            raise SettingsError(reason)


def is_loopback(host: str) -> bool:
    """Whether a host name or address refers to this machine."""
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
    """The value of the variable in the type of the field; None if it is unset or empty."""
    text = environ.get(_variable_name(name), "")
    if not text:
        return None
    try:
        if kind in (list[str], dict[str, str]) and text[:1] in "[{":
            return msgspec.json.decode(text, type=kind)
        return _parse_value(kind, text)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        reason = f"{_variable_name(name)} is {text!r}, which is invalid: {error}"
        raise SettingsError(reason) from error


def _parse_value(kind: Any, text: str) -> Any:
    """Parse `a,b` as a list and `name=value,name=value` as a map; msgspec converts everything else."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if kind == list[str]:
        return parts
    if kind == dict[str, str]:
        if wrong := [part for part in parts if "=" not in part]:
            raise ValueError(f"it takes name=value,name=value, but {wrong[0]!r} has no =")
        return dict(part.split("=", 1) for part in parts)
    return Path(text) if kind in (Path, Path | None) else msgspec.convert(text, kind, strict=False)


def _load_secret(data: Path) -> str:
    """The secret in the data folder, created on first use with access for its owner only."""
    path = data / "secret"
    data.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()
