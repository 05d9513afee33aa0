"""What an OpenAPI document means in Python: which types, which resources with which methods, and how they are called.

Answers are read into Structs whose enumerations stay open, since a server may say tomorrow what nobody knows today.
Bodies become keyword arguments whose enumerations are closed, since nothing else would be accepted.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import Any

from sdk.ir import API, Field, Method, Resource, Struct

Schema = dict[str, Any]

RESOURCES = {"Sign-in": "auth", "API keys": "api_keys", "Operation": "server"}
"""Tags whose resource is not simply the tag in small letters."""

BY_HAND = {"create_upload", "append_upload"}
"""Operations that a flow written by hand performs, because a file goes in more than one request."""

METHODS = {
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
"""Operations whose method is not simply its verb."""

UNOFFERED = frozenset({"receive_stripe_event"})
"""Operations that nobody calls but the outside system they are for."""

ERRORS = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "402": "InsufficientCredits",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "410": "Expired",
    "413": "TooLarge",
    "422": "Invalid",
    "429": "RateLimited",
    "503": "Unavailable",
}

EXAMPLE_WIDTH = 100
SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
OPTIONAL_OBJECT = ["object", "null"]


class UnreadableError(Exception):
    """A shape that nobody has taught this module; the message says which."""


def read(document: dict[str, Any]) -> API:
    """The document's meaning. Raises UnreadableError."""
    return _Reader(document).api()


class _Reader:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._schemas: dict[str, Schema] = document["components"]["schemas"]

    def api(self) -> API:
        operations = list(self._operations())
        given = self._reached([schema for _, _, one in operations for schema in _answers(one)])
        bodies = [schema for _, _, one in operations for schema in _bodies(one)]
        taken = self._reached(bodies) - {name for schema in bodies for name in self._whole(schema)} - given
        objects = [name for name in self._schemas if name in given | taken and not self._shorthand(name)]
        structs = [self._struct(name, taken=name in taken) for name in objects]
        return API(self._document["info"]["version"], structs, self._resources(operations))

    def _operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (path, verb, one)
            for path, verbs in self._document["paths"].items()
            for verb, one in verbs.items()
            if isinstance(one, dict) and "operationId" in one and _offered(verb, one["operationId"])
        ]

    def _whole(self, body: Schema) -> list[str]:
        """The schemas that are bodies as a whole, which become arguments."""
        name = _named(body)
        return [] if name is None else [name]

    def _shorthand(self, name: str) -> bool:
        """Whether a schema has a name only so that it need not be written twice: an enumeration or a union."""
        return "enum" in self._schemas[name] or "oneOf" in self._schemas[name]

    def _reached(self, roots: list[Schema]) -> set[str]:
        found: set[str] = set()
        waiting: list[Any] = list(roots)
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting += one
            elif isinstance(one, dict):
                name = _named(one)
                if name is None:
                    waiting += one.values()
                elif name not in found:
                    found.add(name)
                    waiting.append(self._schemas[name])
        return found

    def _struct(self, name: str, *, taken: bool) -> Struct:
        schema = self._schemas[name]
        if schema.get("type") not in ("object", OPTIONAL_OBJECT):
            raise UnreadableError(f"{name} is no object; give it a name of its own only if it is one.")
        required = schema.get("required", [])
        fields = [
            self._field(wire, one, required=wire in required, taken=taken)
            for wire, one in schema.get("properties", {}).items()
        ]
        return Struct(name, _doc(schema), sorted(fields, key=lambda one: not one.required), taken)

    def _field(self, wire: str, schema: Schema, *, required: bool, taken: bool) -> Field:
        annotation = self._annotation(schema, taken=taken)
        if not required and "None" not in annotation.split(" | "):
            annotation += " | None"
        return Field(_name(wire), wire, annotation, self._said(schema), required, taken)

    def _annotation(self, schema: Schema, *, taken: bool) -> str:
        if name := _named(schema):
            return self._reference(name, taken=taken)
        if "const" in schema:
            return "str"  # a name that objects carry; a newer server may put another there
        if "enum" in schema:
            closed = f"Literal[{', '.join(map(_literal, schema['enum']))}]"
            return closed if taken else f"{closed} | str"
        if "anyOf" in schema or "oneOf" in schema:
            parts = [self._annotation(one, taken=taken) for one in schema.get("anyOf") or schema["oneOf"]]
            return " | ".join(sorted(dict.fromkeys(" | ".join(parts).split(" | ")), key=lambda part: part == "None"))
        return self._plain(schema, taken=taken)

    def _plain(self, schema: Schema, *, taken: bool) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            return " | ".join(self._plain({**schema, "type": one}, taken=taken) for one in kind)
        if kind == "null":
            return "None"
        if kind == "array":
            item = self._annotation(schema["items"], taken=taken)
            return f"Sequence[{item}]" if taken else f"list[{item}]"
        if kind == "object":
            values = schema.get("additionalProperties")
            of = self._annotation(values, taken=taken) if isinstance(values, dict) and values else "Any"
            return f"Mapping[str, {of}]" if taken else f"dict[str, {of}]"
        if kind == "string" and (schema.get("format") == "binary" or "contentEncoding" in schema):
            return "File"
        if kind in SCALARS:
            return SCALARS[kind]
        raise UnreadableError(f"Nobody has taught the SDK's generator what this is: {schema}")

    def _reference(self, name: str, *, taken: bool) -> str:
        schema = self._schemas[name]
        if self._shorthand(name):
            return self._annotation(schema, taken=taken)
        if not taken:
            return f"{name} | None" if schema["type"] == OPTIONAL_OBJECT else name
        if name == "ImageReference":
            return "Upload | str | File | ImageReference | Mapping[str, Any]"
        if name == "VideoReference":
            return "Video | Upload | str | File | VideoReference | Mapping[str, Any]"
        return f"{name} | Mapping[str, Any]"

    def _resources(self, operations: list[tuple[str, str, dict[str, Any]]]) -> list[Resource]:
        methods: dict[str, list[Method]] = {}
        for path, verb, one in operations:
            tag = one["tags"][0]
            methods.setdefault(tag, []).append(self._method(path, verb, one, _resource(tag)))
        return [
            Resource(_resource(tag["name"]), _title(_resource(tag["name"])), tag["description"], methods[tag["name"]])
            for tag in self._document["tags"]
            if tag["name"] in methods
        ]

    def _method(self, path: str, verb: str, one: dict[str, Any], resource: str) -> Method:
        parameters = [self._resolved(parameter, "parameters") for parameter in one.get("parameters", [])]
        kind, result = self._result(one)
        headers = {parameter["name"] for parameter in parameters if parameter["in"] == "header"}
        name = _method_name(one["operationId"], resource)
        places = [self._place(parameter) for parameter in parameters if parameter["in"] == "path"]
        named = {place.name for place in places}
        body = self._arguments(one)
        if body is not None:  # a body may name again what the path names
            body = [argument for argument in body if argument.name not in named]
        return Method(
            name=name,
            operation=one["operationId"],
            summary=one["summary"],
            doc=_prose(one.get("description", "")),
            verb=verb.upper(),
            template=re.sub(r"\{\w+\}", "{}", path),
            places=places,
            body=body,
            query=[
                self._query(parameter)
                for parameter in parameters
                if parameter["in"] == "query" and parameter["name"] not in {"expires", "signature"}
            ],
            kind=kind,
            result=result,
            once="Idempotency-Key" in headers,
            public=one.get("security") == [],
            raises=[ERRORS[status] for status in one["responses"] if status in ERRORS],
            example=self._example(one, resource, name, places),
            headers=[HEADERS[header] for header in HEADERS if header in headers],
        )

    def _resolved(self, thing: dict[str, Any], kind: str) -> dict[str, Any]:
        name = thing.get("$ref", "").rpartition("/")[2]
        found: dict[str, Any] = self._document["components"][kind][name] if name else thing
        return found

    def _place(self, parameter: dict[str, Any]) -> Field:
        wire = parameter["name"]
        noun = wire.removesuffix("_id")
        named = _camel(noun)
        kind = f"{named} | str" if noun != wire and named in self._schemas else "str"
        return Field(noun if noun != wire else wire, wire, kind, parameter.get("description", ""), required=True)

    def _query(self, parameter: dict[str, Any]) -> Field:
        schema = parameter["schema"]
        said = parameter.get("description") or self._said(schema)
        annotation = self._annotation(schema, taken=True)
        if "None" not in annotation.split(" | "):
            annotation += " | None"
        return Field(_name(parameter["name"]), parameter["name"], annotation, said, required=False)

    def _arguments(self, one: dict[str, Any]) -> list[Field] | None:
        schemas = _bodies(one)
        if not schemas:
            return None
        wholes = [self._schemas[name] for schema in schemas for name in self._whole(schema)]
        bodies = [whole for whole in wholes if whole.get("type") == "object"]
        shapes: dict[str, list[Schema]] = {}
        for body in bodies:
            for wire, schema in body.get("properties", {}).items():
                shapes.setdefault(wire, []).append(schema)
        everywhere = set.intersection(*(set(body.get("required", [])) for body in bodies))
        return [
            self._field(wire, {**found[0], **_merged(found)}, required=wire in everywhere, taken=True)
            for wire, found in shapes.items()
        ]

    def _result(self, one: dict[str, Any]) -> tuple[str, str]:
        content: dict[str, Any] = next(
            (answer.get("content", {}) for status, answer in one["responses"].items() if status[0] == "2"), {}
        )
        if not content:
            return "nothing", "None"
        (kind, media), *_ = content.items()
        if kind == "text/event-stream":
            return "events", self._annotation(media["schema"]["contentSchema"], taken=False)
        if kind != "application/json":
            return ("text", "str") if kind.startswith("text/") or "mpegurl" in kind else ("bytes", "bytes")
        result = self._annotation(media["schema"], taken=False)
        if result.endswith("Page"):
            item = self._annotation(self._schemas[result]["properties"]["data"]["items"], taken=False)
            return "pages", f"{item}, {result}"
        return "object", result

    def _said(self, schema: Schema) -> str:
        """What a field means, and its limits."""
        parts = [schema, *schema.get("anyOf", [])]
        words = next((_prose(part["description"]) for part in parts if "description" in part), "")
        limits = [text for part in parts for text in _limits(part)]
        if "const" not in schema and schema.get("default") not in (None, "", [], {}):
            limits.append(f"default {_literal(schema['default'])}")
        return " ".join(filter(None, [words, f"({'; '.join(limits)})" if limits else ""]))

    def _example(self, one: dict[str, Any], resource: str, name: str, places: list[Field]) -> str:
        content = one.get("requestBody", {}).get("content", {})
        values = content.get("application/json", {}).get("example")
        if values is None:
            return ""
        given = [place.name for place in places] + [f"{_name(key)}={_literal(value)}" for key, value in values.items()]
        line = f"client.{resource}.{name}({', '.join(given)})"
        if len(line) <= EXAMPLE_WIDTH:
            return line
        return f"client.{resource}.{name}(\n" + "".join(f"    {one},\n" for one in given) + ")"


HEADERS = {
    "Prefer": Field(
        "hold",
        "Prefer",
        "int | None",
        "Seconds the server may hold its answer until the video is done.",
        required=False,
    ),
    "Last-Event-ID": Field(
        "last_event_id",
        "Last-Event-ID",
        "str | None",
        "The last event seen; what changed since comes first.",
        required=False,
    ),
}


def _offered(verb: str, operation: str) -> bool:
    """Whether there is a method for it. What HEAD says, GET says too, and more."""
    return verb != "head" and operation not in UNOFFERED | BY_HAND


def _answers(operation: dict[str, Any]) -> list[Schema]:
    return [
        media["schema"]
        for status, answer in operation["responses"].items()
        if status[0] == "2"
        for media in answer.get("content", {}).values()
        if media.get("schema")
    ]


def _bodies(operation: dict[str, Any]) -> list[Schema]:
    return [media["schema"] for media in operation.get("requestBody", {}).get("content", {}).values()]


def _named(schema: Any) -> str | None:
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return reference.rpartition("/")[2] if isinstance(reference, str) else None


def _merged(schemas: list[Schema]) -> Schema:
    """One schema that takes what any of these takes: a field may have another shape in a form than in JSON."""
    distinct = [one for at, one in enumerate(schemas) if one not in schemas[:at]]
    return {} if len(distinct) == 1 else {"anyOf": distinct}


def _limits(schema: Schema) -> list[str]:
    least, most = schema.get("minimum"), schema.get("maximum")
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    said = []
    if least is not None and most is not None:
        said.append(f"{least:g} to {most:,}" if isinstance(most, int) else f"{least:g} to {most:g}")
    elif least is not None:
        said.append(f"at least {least:g}")
    if longest is not None:
        said.append(f"{shortest} to {longest:,} characters" if shortest > 1 else f"up to {longest:,} characters")
    if "maxItems" in schema:
        said.append(f"up to {schema['maxItems']}")
    return said


def _resource(tag: str) -> str:
    return RESOURCES.get(tag, tag.lower())


def _method_name(operation: str, resource: str) -> str:
    """`cancel_video` of `videos` is `cancel`, `get_video_content` is `content`, `get_video` is `get`."""
    if operation in METHODS:
        return METHODS[operation]
    nouns = {resource, resource.removesuffix("s"), *resource.split("_"), *resource.removesuffix("s").split("_")}
    verb, *rest = operation.split("_")
    rest = [word for word in rest if word not in nouns and word not in {"me", "tokens"}]
    return "_".join([*([] if verb == "get" and rest else [verb]), *rest])


def _title(resource: str) -> str:
    return f"{_camel(resource)}API"


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("_"))


def _name(wire: str) -> str:
    name = re.sub(r"\W", "_", wire)
    return f"{name}_" if iskeyword(name) else name


def _literal(value: Any) -> str:
    return repr(value).replace("'", '"') if isinstance(value, str) else repr(value)


def _doc(schema: Schema) -> str:
    return _prose(schema.get("description", ""))


def _prose(text: str) -> str:
    """Paragraphs, each in one line, as docstrings are laid out anew."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
