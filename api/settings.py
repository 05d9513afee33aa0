"""Settings of a process, read from the environment. The only module that reads it.

The variable of a field is `KINORA_` and the field's name in capitals, except for `DATABASE_URL` and `REDIS_URL`, the
names that hosting providers use.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, unquote, urlsplit

import msgspec
from msgspec import Meta

from api import server_urls
from api.environment import SettingsError, format_value, read_value, refuse_unknown_variables, variable_name
from engine.catalog import registry
from engine.types import EngineConfig, LoraSource

MIN_SECRET_LENGTH = 16

URL_FIELDS: dict[str, Callable[[str], str]] = {
    "database_url": server_urls.normalize_database_url,
    "redis_url": server_urls.normalize_redis_url,
}

Port = Annotated[int, Meta(ge=0, le=65535)]
NotNegative = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]


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
    port: Port = 8000
    public_url: str = ""
    secret: str = ""
    previous_secret: str = ""
    cors_origins: list[str] = []
    database_connections: Annotated[int, Meta(ge=2)] = 10
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"

    models: list[str] = msgspec.field(default_factory=lambda: ["kinora-mini"])
    aliases: dict[str, str] = msgspec.field(
        default_factory=lambda: {"sora-2": "kinora-mini", "sora-2-pro": "kinora-mini"}
    )
    weights: dict[str, str] = {}
    device: str = "auto"
    dtype: str = "auto"
    threads: NotNegative = 0
    offload: Literal["auto", "none", "model", "group"] = "auto"
    quantization: Literal["auto", "none", "float8", "int8", "nf4"] = "auto"
    tiling: Literal["auto", "on", "off"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    attention: str = "auto"
    parallel: NotNegative = 1
    loras: dict[str, str] = {}
    frame_rules: str = ""

    pool: str = "default"
    lease: Seconds = 15.0
    sweep_every: Seconds = 5.0
    job_timeout: Seconds = 1800.0
    max_tries: AtLeastOne = 3
    max_losses: AtLeastOne = 20

    tariff: Path | None = None
    stripe_key: str = ""
    stripe_url: str = ""
    stripe_webhook_secrets: list[str] = []
    app_schemes: list[str] = []

    rate_limits: bool = True
    full_disk: Annotated[float, Meta(gt=0, le=1)] = 0.95
    max_upload: AtLeastOne = 50 * 1024 * 1024
    upload_stall_timeout: Seconds = 20.0

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
        """Scheme, host, port and path that clients use, for absolute URLs in responses."""
        return self.public_url.rstrip("/") or f"http://{bracket_host(self.host)}:{self.port}"

    @property
    def public_path(self) -> str:
        """The path below which clients reach the server, percent-encoded, such as /kinora; empty for none."""
        return quote(unquote(urlsplit(self.origin).path.rstrip("/")))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment. Raises SettingsError, which names the invalid variable."""
        fields = msgspec.structs.fields(cls)
        refuse_unknown_variables([field.name for field in fields], environ)
        values = {field.name: read_value(field.type, field.name, environ) for field in fields}
        values |= {field: _normalize_url(field, values[field]) for field in URL_FIELDS if values[field]}
        settings = cls(**{name: value for name, value in values.items() if value is not None})
        _check_addresses(settings)
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
        return {variable_name(name): format_value(value) for name, value in plain.items()}


def _normalize_url(field: str, url: str) -> str:
    try:
        return URL_FIELDS[field](url)
    except ValueError as error:
        raise SettingsError(f"{variable_name(field)} {error}.") from None


def _check_addresses(settings: Settings) -> None:
    if "/" in settings.host or (":" in settings.host and not _is_address(settings.host)):
        raise SettingsError(f"KINORA_HOST is {settings.host!r}, but it takes an address or a name, without a port.")
    if settings.public_url and not is_web_origin(settings.public_url, with_path=True):
        raise SettingsError(
            f"KINORA_PUBLIC_URL is {settings.public_url!r}, but it takes an address such as https://api.example.com."
        )
    if settings.public_url.rstrip("/").endswith("/v1"):
        raise SettingsError(f"KINORA_PUBLIC_URL is {settings.public_url!r}: leave /v1 out, which every address has.")
    for origin in settings.cors_origins:
        if origin != "*" and not is_web_origin(origin, with_path=False):
            raise SettingsError(
                f"KINORA_CORS_ORIGINS has {origin!r}, but it takes origins such as https://app.example.com, or *."
            )


def is_web_origin(url: str, *, with_path: bool) -> bool:
    """Whether a text is an http or https address without credentials, query and fragment, and maybe without a path."""
    try:
        parts = urlsplit(url)
        valid_port = parts.port != 0
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or re.search(r"\s", url))
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and valid_port
        and plain
        and (with_path or not parts.path)
    )


def bracket_host(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_models(settings: Settings) -> None:
    for field, names in (("models", settings.models), ("weights", settings.weights)):
        if unknown := [name for name in names if name not in registry.MODELS]:
            known = ", ".join(registry.MODELS)
            raise SettingsError(f"{variable_name(field)} names an unknown model {unknown[0]!r}; known are {known}.")


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
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


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
