"""Environment variables as values of a type. Reports a wrong one in a sentence that does not repeat a secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

PREFIX = "KINORA_"
UNPREFIXED = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}
SECRETS = {*UNPREFIXED, "secret", "previous_secret", "stripe_key", "stripe_webhook_secrets"}
OTHER_VARIABLES = {"KINORA_API_KEY", "KINORA_BASE_URL", "KINORA_ENGINE_PARENT"}
"""Read by the SDK and by the engine's process."""
KUBERNETES_LINK = re.compile(r"KINORA(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
"""What Kubernetes adds to every container beside a Service whose name begins with kinora."""


class SettingsError(Exception):
    """An invalid setting; the message names the variable and the values it accepts."""


def variable_name(field: str) -> str:
    """The variable of a field of the settings."""
    return UNPREFIXED.get(field, PREFIX + field.upper())


def format_value(value: Any) -> str:
    """A value as `read_value` reads it; None as an empty text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def read_value(kind: Any, field: str, environ: Mapping[str, str]) -> Any:
    """The value of a field's variable in the field's type; None if it is unset or blank. Raises SettingsError."""
    text, variable = environ.get(variable_name(field), "").strip(), variable_name(field)
    if not text:
        return None
    if text.startswith("tcp://") and KUBERNETES_LINK.fullmatch(variable):
        raise SettingsError(
            f"{variable} is {text}, which Kubernetes sets for a Service named kinora: "
            f"give the Service another name, or set enableServiceLinks: false and {variable} to a number."
        )
    try:
        if kind in (list[str], dict[str, str]) and text[:1] in "[{":
            return msgspec.json.decode(text, type=kind)
        return _parse_value(kind, text)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        shown = "" if field in SECRETS else f" is {text!r}, which"
        raise SettingsError(f"{variable}{shown} is invalid: {error}.") from None


def _parse_value(kind: Any, text: str) -> Any:
    """Parse `a,b` as a list and `name=value,name=value` as a map; msgspec converts everything else."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if kind == list[str]:
        return parts
    if kind == dict[str, str]:
        if wrong := [part for part in parts if "=" not in part]:
            raise ValueError(f"it takes name=value,name=value, but {wrong[0]!r} has no =")
        return {name: _expand_home(value) for name, value in (part.split("=", 1) for part in parts)}
    if kind in (Path, Path | None):
        return Path(text).expanduser()
    if get_origin(kind) is Literal:
        return _parse_choice(get_args(kind), text)
    if kind is bool and text.lower() not in ("true", "false", "1", "0"):
        raise ValueError("it takes true or false")
    return msgspec.convert(text.lower() if kind is bool else text, kind, strict=False)


def _expand_home(text: str) -> str:
    """A path below ~ with the home folder, which a file of variables does not expand; any other text as it is."""
    return str(Path(text).expanduser()) if text.startswith("~/") else text


def _parse_choice(choices: tuple[str, ...], text: str) -> str:
    if text.lower() not in choices:
        raise ValueError(f"it takes {', '.join(choices[:-1])} or {choices[-1]}")
    return text.lower()


def refuse_unknown_variables(fields: Collection[str], environ: Mapping[str, str]) -> None:
    """Raise SettingsError for a variable that no field has, since a misspelt one would be ignored unnoticed."""
    known = {variable_name(field) for field in fields} | OTHER_VARIABLES
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in known or KUBERNETES_LINK.fullmatch(variable):
            continue
        names = [name.removeprefix(PREFIX) for name in known]
        close = difflib.get_close_matches(variable.removeprefix(PREFIX), names, n=1, cutoff=0.7)
        advice = f"did you mean {PREFIX}{close[0]}?" if close else "docs/operating.md lists all of them."
        raise SettingsError(f"{variable} is not a setting of Kinora: {advice}")
