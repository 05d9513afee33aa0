"""Checks an object against the class annotations of the installed `stripe` library, at every depth.

Parsing with that library proves nothing, because it accepts anything. Its annotations describe what Stripe sends: a
member that is not Optional is required, and every member must be declared and of its type. An enumeration is annotated
as "these literals, or any text" for literals still to come; here only the literals are accepted.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import types
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from stripe._list_object import ListObject
from stripe._object_classes import OBJECT_CLASSES, V2_OBJECT_CLASSES
from stripe._stripe_object import StripeObject, UntypedStripeObject
from stripe.events._event_classes import get_v2_event_class

UNDECLARED = {
    ("ListObject", "object"),
    # only the class of each type of event declares these
    ("Event", "data"),
    ("Event", "related_object"),
}
"""Members that Stripe sends and the library's class does not declare."""


def find_mismatches(obj: Any) -> list[str]:
    """Mismatches of an object, each with its path."""
    name = str(obj.get("object"))
    if name not in OBJECT_CLASSES and name not in V2_OBJECT_CLASSES:
        return [f"{name} is no object of Stripe's"]
    return list(_object_mismatches(obj, library_class(obj), name))


def library_class(obj: Any) -> type[Any]:
    """The library's class for an object; for a thin event the class of its type."""
    name = obj["object"]
    if name == "v2.core.event":
        event: type[Any] = get_v2_event_class(obj["type"])
        return event
    module, attribute = {**V2_OBJECT_CLASSES, **OBJECT_CLASSES}[name]
    loaded: type[Any] = getattr(importlib.import_module(module), attribute)
    return loaded


def _object_mismatches(obj: Any, expected: type[Any], path: str, element: Any = None) -> Iterator[str]:
    """`element` is the annotation of a list's elements with its module."""
    if not isinstance(obj, dict):
        yield f"{path} is {obj!r} and no object"
        return
    declared = _declared_members(expected)  # type: ignore[arg-type] # a class can be hashed
    for name, (annotation, module) in declared.items():
        if name in obj:
            yield from _value_mismatches(obj[name], annotation, module, f"{path}.{name}", element)
        elif not _is_optional(annotation):
            yield f"{path}.{name} is missing"
    for name in obj:
        if name not in declared and (expected.__name__, name) not in UNDECLARED:
            yield f"{path}.{name} is not declared"


@cache
def _declared_members(expected: type[Any]) -> dict[str, tuple[Any, str]]:
    """Members of a class and its bases, each with the module in which its annotation is resolved."""
    members: dict[str, tuple[Any, str]] = {}
    for base in reversed(expected.__mro__):
        if base is not StripeObject and issubclass(base, StripeObject):
            for name, annotation in inspect.get_annotations(base).items():
                if not name.startswith("_") and "ClassVar" not in str(annotation):
                    members[name] = annotation, base.__module__
    return members


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) is Union and types.NoneType in get_args(annotation)


def _value_mismatches(value: Any, annotation: Any, module: str, path: str, element: Any) -> Iterator[str]:
    annotation = _resolve_annotation(element if isinstance(annotation, TypeVar) else annotation, module)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Union:
        yield from _union_mismatches(value, arguments, module, path, element)
    elif origin is Literal:
        yield from _literal_mismatches(value, arguments, path)
    elif origin is list:
        yield from _list_mismatches(value, arguments[0], module, path, element)
    elif origin is ListObject:
        yield from _object_mismatches(value, ListObject, path, (arguments[0], module))
    elif origin is UntypedStripeObject:
        yield from _map_mismatches(value, arguments[0], path)
    elif isinstance(annotation, tuple):  # what a ListObject holds, with the module it was said in
        yield from _value_mismatches(value, annotation[0], annotation[1], path, None)
    else:
        yield from _plain_mismatches(value, annotation, path)


def _resolve_annotation(annotation: Any, module: str) -> Any:
    if isinstance(annotation, ForwardRef):
        return _resolve_name(annotation.__forward_arg__, module)
    return _resolve_name(annotation, module) if isinstance(annotation, str) else annotation


def _plain_mismatches(value: Any, expected: Any, path: str) -> Iterator[str]:
    if inspect.isclass(expected) and issubclass(expected, StripeObject):
        yield from _object_mismatches(value, expected, path)
    elif expected is not Any and not _is_plain(value, expected):
        yield f"{path} is {value!r} and no {expected.__name__}"


def _literal_mismatches(value: Any, options: tuple[Any, ...], path: str) -> Iterator[str]:
    """`True` does not count as 1, though they are equal."""
    if not any(value == option and type(value) is type(option) for option in options):
        yield f"{path} is {value!r} and none of {options}"


def _union_mismatches(value: Any, options: tuple[Any, ...], module: str, path: str, element: Any) -> Iterator[str]:
    """Mismatches of the best fitting option; beside literals, "any text" is no option."""
    if any(get_origin(option) is Literal for option in options):
        options = tuple(option for option in options if option is not str)
    attempts = []
    for option in options:
        mismatches = list(_value_mismatches(value, option, module, path, element))
        if not mismatches:
            return
        attempts.append(mismatches)
    yield from max(attempts, key=_deepest_path)  # the deepest mismatch says most


def _deepest_path(mismatches: list[str]) -> int:
    return max(len(mismatch.split(" ")[0]) for mismatch in mismatches)


def _list_mismatches(value: Any, inner: Any, module: str, path: str, element: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} is {value!r} and no list"
        return
    for place, one in enumerate(value):
        yield from _value_mismatches(one, inner, module, f"{path}[{place}]", element)


def _map_mismatches(value: Any, inner: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is {value!r} and no map"
        return
    for name, one in value.items():
        yield from _value_mismatches(one, inner, "", f"{path}.{name}", None)


def _is_plain(value: Any, expected: Any) -> bool:
    """Whether a JSON value has a plain type; exact decimals travel as text."""
    if expected is Decimal:
        return isinstance(value, str) and _is_decimal(value)
    if expected is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, expected)


def _is_decimal(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _resolve_name(name: str, module: str) -> Any:
    """The object that a name in an annotation stands for: most are imported for type checkers only."""
    if name in (imported := _imported_names(module)):
        source, original = imported[name]
        return getattr(importlib.import_module(source), original)
    return eval(name, {**vars(importlib.import_module(module)), **_load_imports(module)})  # noqa: S307 - the library's own


def _load_imports(module: str) -> dict[str, Any]:
    return {
        name: getattr(importlib.import_module(source), original)
        for name, (source, original) in _imported_names(module).items()
    }


@cache
def _imported_names(module: str) -> dict[str, tuple[str, str]]:
    """Names that a module imports from the library, at any depth: name → (module, name there)."""
    source = inspect.getsource(importlib.import_module(module))
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stripe")
        for alias in node.names
    }
