"""Holds an object against the class annotations of the installed `stripe` library, all the way down.

Parsing with that library proves nothing: it takes anything. Its annotations say what Stripe sends: a member that is not
Optional must be there, and every member that is there must be declared and of its type. An enumeration is annotated as
"these literals, or any text" for literals that are yet to come; here only the literals count.
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


def faults(thing: Any) -> list[str]:
    """What is wrong with an object, each with the way to it."""
    name = str(thing.get("object"))
    if name not in OBJECT_CLASSES and name not in V2_OBJECT_CLASSES:
        return [f"{name} is no object of Stripe's"]
    return list(_object(thing, class_of(thing), name))


def class_of(thing: Any) -> type[Any]:
    """The library's class for an object; for a thin event the one of its type."""
    name = thing["object"]
    if name == "v2.core.event":
        event: type[Any] = get_v2_event_class(thing["type"])
        return event
    module, attribute = {**V2_OBJECT_CLASSES, **OBJECT_CLASSES}[name]
    found: type[Any] = getattr(importlib.import_module(module), attribute)
    return found


def _object(thing: Any, kind: type[Any], at: str, inside: Any = None) -> Iterator[str]:
    """Faults of a JSON object as one of a class; `inside` is what a list holds."""
    if not isinstance(thing, dict):
        yield f"{at} is {thing!r} and no object"
        return
    declared = _declared(kind)  # type: ignore[arg-type] # a class can be hashed
    for name, (annotation, module) in declared.items():
        if name in thing:
            yield from _value(thing[name], annotation, module, f"{at}.{name}", inside)
        elif not _optional(annotation):
            yield f"{at}.{name} is missing"
    for name in thing:
        if name not in declared and (kind.__name__, name) not in UNDECLARED:
            yield f"{at}.{name} is not declared"


@cache
def _declared(kind: type[Any]) -> dict[str, tuple[Any, str]]:
    """The members of a class, its bases' too, each with the module whose names it uses."""
    found: dict[str, tuple[Any, str]] = {}
    for one in reversed(kind.__mro__):
        if one is not StripeObject and issubclass(one, StripeObject):
            for name, annotation in inspect.get_annotations(one).items():
                if not name.startswith("_") and "ClassVar" not in str(annotation):
                    found[name] = annotation, one.__module__
    return found


def _optional(annotation: Any) -> bool:
    return get_origin(annotation) is Union and types.NoneType in get_args(annotation)


def _value(value: Any, annotation: Any, module: str, at: str, inside: Any) -> Iterator[str]:
    """Faults of a value as one of an annotation."""
    annotation = _resolved(inside if isinstance(annotation, TypeVar) else annotation, module)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Union:
        yield from _either(value, arguments, module, at, inside)
    elif origin is Literal:
        yield from _literal(value, arguments, at)
    elif origin is list:
        yield from _list(value, arguments[0], module, at, inside)
    elif origin is ListObject:
        yield from _object(value, ListObject, at, (arguments[0], module))
    elif origin is UntypedStripeObject:
        yield from _map(value, arguments[0], at)
    elif isinstance(annotation, tuple):  # what a ListObject holds, with the module it was said in
        yield from _value(value, annotation[0], annotation[1], at, None)
    else:
        yield from _one(value, annotation, at)


def _resolved(annotation: Any, module: str) -> Any:
    if isinstance(annotation, ForwardRef):
        return _named(annotation.__forward_arg__, module)
    return _named(annotation, module) if isinstance(annotation, str) else annotation


def _one(value: Any, kind: Any, at: str) -> Iterator[str]:
    """Faults of a value as one of a class."""
    if inspect.isclass(kind) and issubclass(kind, StripeObject):
        yield from _object(value, kind, at)
    elif kind is not Any and not _plain(value, kind):
        yield f"{at} is {value!r} and no {kind.__name__}"


def _literal(value: Any, options: tuple[Any, ...], at: str) -> Iterator[str]:
    """`True` is no 1, though they are equal."""
    if not any(value == option and type(value) is type(option) for option in options):
        yield f"{at} is {value!r} and none of {options}"


def _either(value: Any, options: tuple[Any, ...], module: str, at: str, inside: Any) -> Iterator[str]:
    """One of several; beside literals, "any text" does not count."""
    if any(get_origin(option) is Literal for option in options):
        options = tuple(option for option in options if option is not str)
    tried = []
    for option in options:
        found = list(_value(value, option, module, at, inside))
        if not found:
            return
        tried.append(found)
    yield from max(tried, key=lambda some: max(len(fault.split(" ")[0]) for fault in some))  # the deepest tells most


def _list(value: Any, inner: Any, module: str, at: str, inside: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at} is {value!r} and no list"
        return
    for place, one in enumerate(value):
        yield from _value(one, inner, module, f"{at}[{place}]", inside)


def _map(value: Any, inner: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at} is {value!r} and no map"
        return
    for name, one in value.items():
        yield from _value(one, inner, "", f"{at}.{name}", None)


def _plain(value: Any, kind: Any) -> bool:
    """Whether a JSON value is one of a plain type; exact decimals travel as text."""
    if kind is Decimal:
        return isinstance(value, str) and _decimal(value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _decimal(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _named(name: str, module: str) -> Any:
    """What a name in an annotation stands for: the library imports most of them for type checkers only."""
    if name in (found := _imports(module)):
        source, original = found[name]
        return getattr(importlib.import_module(source), original)
    return eval(name, {**vars(importlib.import_module(module)), **_loaded(module)})  # noqa: S307 - the library's own


def _loaded(module: str) -> dict[str, Any]:
    return {name: getattr(importlib.import_module(at), real) for name, (at, real) in _imports(module).items()}


@cache
def _imports(module: str) -> dict[str, tuple[str, str]]:
    """Names that a module imports from the library, wherever it does: name → (module, name there)."""
    source = inspect.getsource(importlib.import_module(module))
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stripe")
        for alias in node.names
    }
