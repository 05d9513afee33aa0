"""Converts Structs to OpenAPI schemas: shared components, none inline. Knows no routes.

Avoids what client generators handle badly: enumerations and unions are components of their own; nullability is part of
`type`; optional fields of a request are never null; numbers have a format.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from litestar.params import ParameterKwarg
from msgspec import Meta, Struct

from api.http.body import FILE
from api.http.openapi import texts
from api.schemas import accounts, billing, common, models, presets, uploads, video_requests, videos

Schema = dict[str, Any]

_SCHEMAS = (accounts, billing, common, models, presets, uploads, video_requests, videos)

PREFIX = "#/components/schemas/"
BINARY = {"type": "string", "format": "binary"}
NULL = {"type": "null"}
INT32 = 2**31 - 1
ANNOTATIONS = ("title", "description")  # keywords of a schema that do not constrain values

_GENERIC = re.compile(r"(\w+?)_(\w+)_")


def is_struct(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, Struct)


def own_doc(kind: type[Any]) -> str:
    """The docstring of the class itself; `inspect.getdoc` would return that of a base class."""
    return inspect.cleandoc(kind.__dict__.get("__doc__") or "")


def schema_ref(kind: Any) -> str:
    """The reference to the schema of the Struct; `Page[Video]` is called `VideoPage`."""
    arguments = get_args(kind)
    return PREFIX + (f"{arguments[0].__name__}{get_origin(kind).__name__}" if arguments else kind.__name__)


def build_components(inputs: Iterable[Any], outputs: Iterable[Any]) -> dict[str, Schema]:
    """The schemas of these Structs and of all Structs in them. A response always has every field."""
    requests, responses = (
        _struct_schemas(inputs, for_request=True),
        _mark_nullable(_struct_schemas(outputs, for_request=False), {schema_ref(kind) for kind in outputs}),
    )
    for schema in responses.values():
        schema["required"] = list(schema.get("properties", ()))
    forms = {form_name(kind): form for kind in inputs if (form := _form_schema(requests[kind.__name__], requests))}
    return responses | requests | forms


def named_schemas(uses: Any) -> dict[str, Schema]:
    """The named enumerations and unions that `uses` refers to."""
    return {
        name: {"title": name, **_named_aliases()[name]} for name in referenced_schemas(uses) if name in _named_aliases()
    }


def referenced_schemas(value: Any) -> Iterator[str]:
    """The names of the schemas that the value refers to."""
    if isinstance(value, list):
        for item in value:
            yield from referenced_schemas(item)
    elif isinstance(value, dict):
        if str(value.get("$ref", "")).startswith(PREFIX):
            yield value["$ref"].removeprefix(PREFIX)
        yield from referenced_schemas(list(value.values()))


def merge_bodies(title: str, description: str, bodies: list[Schema]) -> Schema:
    """One schema with the fields of several bodies, because a union of them would have no discriminator.

    Every field is optional, with the constraints that all bodies share; the server selects the body by the fields
    that are present.
    """
    members: dict[str, list[Schema]] = {}
    for name, member in ((name, member) for body in bodies for name, member in body["properties"].items()):
        members.setdefault(name, []).append(member)
    properties = {name: _merge_members(variants) for name, variants in members.items()}
    head = {"title": title, "type": "object", "description": description}
    return {**head, "properties": properties, "additionalProperties": False}


def _merge_members(members: list[Schema]) -> Schema:
    shared = {key: value for key, value in members[0].items() if all(member.get(key) == value for member in members)}
    descriptions = dict.fromkeys(member["description"] for member in members if "description" in member)
    return {**shared, "description": " ".join(descriptions)}


def form_name(kind: type[Any]) -> str:
    """The name of the schema of the Struct as a form, which differs only if it accepts files."""
    known = _struct_schemas([kind], for_request=True)
    return f"{kind.__name__}Form" if _form_schema(known[kind.__name__], known) else kind.__name__


def _form_schema(schema: Schema, known: dict[str, Schema]) -> Schema | None:
    """The schema with a file in place of each Struct that accepts one; None if no field does.

    A union of a file and an object would be exact, but client generators support neither alternative of it.
    """
    files = [name for name, member in schema["properties"].items() if _takes_file(member, known)]
    if not files:
        return None
    members = {
        name: {**BINARY, **{key: member[key] for key in ANNOTATIONS if key in member}} if name in files else member
        for name, member in schema["properties"].items()
    }
    return {**schema, "title": f"{schema['title']}Form", "properties": members}


def _takes_file(member: Schema, known: dict[str, Schema]) -> bool:
    if "type" in member:  # lists contain files only in nested fields, where a form cannot have them
        return False
    targets = [name for name in referenced_schemas(member) if name in _named_aliases() or name in known]
    return any(
        _takes_file(_named_aliases()[name], known)
        if name in _named_aliases()
        else FILE in known[name].get("properties", ())
        for name in targets
    )


def _struct_schemas(kinds: Iterable[Any], *, for_request: bool) -> dict[str, Schema]:
    _, schemas = msgspec.json.schema_components(sorted(kinds, key=str), ref_template=PREFIX + "{name}")
    return {
        _plain_name(name): _normalize_schema(schema, for_request=for_request)
        for name, schema in sorted(schemas.items())
    }


def _mark_nullable(schemas: dict[str, Schema], roots: set[str]) -> dict[str, Schema]:
    """Make a schema itself nullable if every use of it is nullable: swift-openapi-generator drops a property that is a
    reference or null. A schema that is also used without null keeps `anyOf` with null.
    """
    places = [member for schema in schemas.values() for member in schema.get("properties", {}).values()]
    plain = {PREFIX + name for place in places if "anyOf" not in place for name in referenced_schemas(place)} | roots
    for place in places:
        target = place.get("anyOf", [{}])[0].get("$ref", "")
        if NULL in place.get("anyOf", ()) and target not in plain and target.removeprefix(PREFIX) in schemas:
            place["$ref"] = target
            del place["anyOf"]
            schemas[target.removeprefix(PREFIX)]["type"] = ["object", "null"]
    return schemas


def _plain_name(name: str) -> str:
    match = _GENERIC.fullmatch(name)
    return f"{match[2]}{match[1]}" if match else name


def _normalize_schema(value: Any, *, for_request: bool) -> Any:
    """Convert a schema of msgspec. With `for_request`, optional fields are never null."""
    if isinstance(value, list):
        return [_normalize_schema(item, for_request=for_request) for item in value]
    if not isinstance(value, dict):
        return value
    schema = {name: _normalize_schema(item, for_request=for_request) for name, item in value.items()}
    if isinstance(schema.get("$ref"), str):
        schema["$ref"] = PREFIX + _plain_name(schema["$ref"].removeprefix(PREFIX))
    if isinstance(schema.get("description"), str):
        schema["description"] = inspect.cleandoc(schema["description"])
    if isinstance(schema.get("title"), str):
        schema["title"] = re.sub(r"(\w+)\[(\w+)\]", r"\2\1", schema["title"])
    if isinstance(schema.get("properties"), dict):
        schema["properties"] = {name: _add_description(name, member) for name, member in schema["properties"].items()}
    if "default" in schema:
        schema = _describe_default(schema, for_request=for_request)
    if isinstance(schema.get("anyOf"), list):
        schema = _normalize_union(schema, for_request=for_request)
    return _named_ref(_complete_schema(schema))


def _add_description(name: str, member: Schema) -> Schema:
    """Add the shared description of the field name, unless the field has its own."""
    shared = {"description": texts.FIELDS[name]} if name in texts.FIELDS else {}
    return {**shared, **member}


def _describe_default(schema: Schema, *, for_request: bool) -> Schema:
    """Move the default of a request field into its description: openapi-typescript treats a field with a default as
    required, and Kotlin clients always send it. Responses always have the field, so their defaults are dropped.
    """
    default = schema["default"]
    plain = {name: item for name, item in schema.items() if name != "default"}
    if not for_request or default in (None, "", [], {}):
        return plain
    words = f"Default: `{default if isinstance(default, str) else msgspec.json.encode(default).decode()}`."
    return {**plain, "description": f"{plain.get('description', '')} {words}".strip()}


def _normalize_union(schema: Schema, *, for_request: bool) -> Schema:
    """Remove null from a union: requests never need it, and responses express it in `type` where possible."""
    parts = [part for part in schema["anyOf"] if part != NULL]
    rest = {name: item for name, item in schema.items() if name != "anyOf"}
    null = len(parts) < len(schema["anyOf"]) and not for_request
    if len(parts) > 1:
        return {**rest, "anyOf": [*parts, *([NULL] if null else [])]}
    part = parts[0]
    if null and "type" not in part:
        return {**rest, "anyOf": [part, NULL]}
    return {**part, **rest, **({"type": [part["type"], "null"]} if null else {})}


def _complete_schema(schema: Schema) -> Schema:
    """Add types and formats that msgspec omits, and convert patterns to those of JSON Schema."""
    if isinstance(choices := schema.get("enum"), list):
        schema = {"type": "string", **schema}
        if len(choices) == 1:
            schema["const"] = schema.pop("enum")[0]
    if isinstance(pattern := schema.get("pattern"), str):
        schema["pattern"] = re.sub(r"\\Z$", "$", pattern)
    if schema.get("type") == "integer" and schema.get("maximum", INT32 + 1) > INT32:
        schema["format"] = "int64"
    if schema.get("type") == "number":
        schema["format"] = "double"
    if schema.get("type") == "object" and not {"properties", "additionalProperties"} & schema.keys():
        schema["additionalProperties"] = True
    return schema


def _named_ref(schema: Schema) -> Schema:
    """Replace a named enumeration or union by a reference to its component."""
    if "enum" not in schema and "anyOf" not in schema:
        return schema
    name = _names_by_shape().get(_shape_key(schema))
    return (
        schema
        if name is None
        else {"$ref": PREFIX + name, **{key: schema[key] for key in ANNOTATIONS if key in schema}}
    )


def _shape_key(schema: Schema) -> bytes:
    """A key of the accepted values, without descriptions and independent of their order."""
    choices = sorted(schema.get("enum", ()), key=str)
    kinds = [{**part, "description": ""} for part in schema.get("anyOf", ())]
    return msgspec.json.encode([choices, kinds], order="deterministic")


@cache
def _names_by_shape() -> dict[bytes, str]:
    return {
        _shape_key({"anyOf": alias["oneOf"]} if "oneOf" in alias else alias): name
        for name, alias in _named_aliases().items()
    }


@cache
def _named_aliases() -> dict[str, Schema]:
    """The enumerations and unions that have a name in `api.schemas`."""
    aliases: dict[str, Schema] = {}
    for name, alias in (item for module in _SCHEMAS for item in vars(module).items()):
        if get_origin(alias) is Literal and len(get_args(alias)) > 1:
            aliases[name] = {"type": "string", "enum": list(get_args(alias))}
        elif get_origin(alias) in (Union, UnionType):
            (schema,), _ = msgspec.json.schema_components([alias], ref_template=PREFIX + "{name}")
            aliases[name] = {"oneOf": [_complete_schema(part) for part in schema["anyOf"]]}
    return aliases


def parameter_schema(kind: Any, kwarg: ParameterKwarg) -> Schema:
    """The schema of a path, query or header parameter. None means that it is optional; null is never sent."""
    if get_origin(kind) in (Union, UnionType):
        kind = Union[tuple(alternative for alternative in get_args(kind) if alternative is not NoneType)]  # noqa: UP007
    limits = {
        name: limit
        for name in ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
        if (limit := getattr(kwarg, name)) is not None
    }
    (schema,), _ = msgspec.json.schema_components([Annotated[kind, Meta(**limits)] if limits else kind])
    polished: Schema = _normalize_schema(schema, for_request=True)
    return polished
