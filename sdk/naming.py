"""How the SDK names what the OpenAPI document names: resources, methods, arguments and literals."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import Any

RESOURCE_NAMES = {"Sign-in": "auth", "API keys": "api_keys", "Operation": "server"}
"""Tags whose resource is not simply the tag in lower case."""

METHOD_NAMES = {
    "create_image": "generate",
    "get_live": "live",
    "get_ready": "ready",
    "list_ledger_entries": "ledger",
    "list_plans": "plans",
    "list_sessions": "sessions",
    "log_in": "log_in",
    "log_out": "log_out",
    "sign_up": "sign_up",
    "stream_video": "playlist",
    "watch_videos": "watch_all",
}
"""Operations whose method does not follow from the operation's id."""

IMPLIED_WORDS = frozenset({"me", "tokens"})


def resource_name(tag: str) -> str:
    """The client's attribute for the operations of a tag."""
    return RESOURCE_NAMES.get(tag, tag.lower())


def resource_class_name(resource: str) -> str:
    """`api_keys` → `ApiKeysAPI`."""
    return f"{camel_case(resource)}API"


def method_name(operation_id: str, resource: str) -> str:
    """`cancel_video` of `videos` → `cancel`, `get_video_content` → `content`, `get_video` → `get`."""
    if operation_id in METHOD_NAMES:
        return METHOD_NAMES[operation_id]
    verb, *rest = operation_id.split("_")
    rest = [word for word in rest if word not in _resource_words(resource) | IMPLIED_WORDS]
    return "_".join(rest if verb == "get" and rest else [verb, *rest])


def _resource_words(resource: str) -> set[str]:
    singular = resource.removesuffix("s")
    return {resource, singular, *resource.split("_"), *singular.split("_")}


def camel_case(name: str) -> str:
    """`api_keys` → `ApiKeys`."""
    return "".join(word.capitalize() for word in name.split("_"))


def python_name(wire_name: str) -> str:
    """A Python identifier for a name on the wire; a keyword gets an underscore."""
    name = re.sub(r"\W", "_", wire_name)
    return f"{name}_" if iskeyword(name) else name


def python_literal(value: Any) -> str:
    """A value as a Python literal, with double quotes."""
    return repr(value).replace("'", '"') if isinstance(value, str) else repr(value)
