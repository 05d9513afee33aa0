"""Translates JSON schemas into Python annotations and Structs.

Inputs and results differ: an enumeration of a result stays open, since a newer server may add a value; one of an
argument is closed, since the server accepts nothing else.
"""

from __future__ import annotations

import re

from sdk.ir import Field, Struct
from sdk.naming import python_literal, python_name
from sdk.schemas import Schema, describe_field, reference_name, unwrap_paragraphs

SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
OPTIONAL_OBJECT = ["object", "null"]

REFERENCE_ARGUMENTS = {
    "ImageReference": "Upload | str | File | ImageReference | Mapping[str, Any]",
    "VideoReference": "Video | Upload | str | File | VideoReference | Mapping[str, Any]",
}
"""Arguments that take a file or an object of the API in place of the schema."""

DATA_URL_MEMBERS = {"ImageReference": "image_url", "VideoReference": "video_url"}
"""The members of those schemas that take a `data:` URL."""


class UnreadableError(Exception):
    """A schema that this generator does not support; the message says which."""


class TypeTranslator:
    """Annotations and Structs for the schemas of one document."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._schemas = schemas

    def is_inlined(self, name: str) -> bool:
        """Whether a named schema is an enumeration or a union, which is written out wherever it is used."""
        return "enum" in self._schemas[name] or "oneOf" in self._schemas[name]

    def to_struct(self, name: str, *, is_input: bool) -> Struct:
        """The Struct of an object schema, required fields first. Raises UnreadableError."""
        schema = self._schemas[name]
        if schema.get("type") not in ("object", OPTIONAL_OBJECT):
            raise UnreadableError(f"{name} is not an object; only objects, enumerations and unions may have a name.")
        required = schema.get("required", [])
        fields = [
            self.to_field(wire_name, field, required=wire_name in required, is_input=is_input)
            for wire_name, field in schema.get("properties", {}).items()
        ]
        doc = unwrap_paragraphs(schema.get("description", ""))
        return Struct(name, doc, sorted(fields, key=lambda field: not field.required), is_input)

    def to_field(self, wire_name: str, schema: Schema, *, required: bool, is_input: bool) -> Field:
        """A field of a Struct or an argument of a method."""
        annotation = self.annotate(schema, is_input=is_input)
        if not required:
            annotation = with_none(annotation)
        return Field(python_name(wire_name), wire_name, annotation, describe_field(schema), required, is_input)

    def file_members(self, fields: list[Field], prefix: str = "") -> dict[str, str]:
        """Of each path that may be a file, the member that holds one in JSON; "" where the field itself does."""
        members: dict[str, str] = {}
        for field in fields:
            words, path = re.findall(r"\w+", field.annotation), f"{prefix}{field.wire_name}"
            if "File" in words:
                members[path] = next((DATA_URL_MEMBERS[word] for word in words if word in DATA_URL_MEMBERS), "")
            for name in (word for word in words if word in self._schemas and not self.is_inlined(word)):
                members |= self.file_members(self.to_struct(name, is_input=True).fields, f"{path}.")
        return members

    def annotate(self, schema: Schema, *, is_input: bool) -> str:
        """The annotation of a schema. Raises UnreadableError."""
        if name := reference_name(schema):
            return self._annotate_reference(name, is_input=is_input)
        if "const" in schema:
            return "str"  # an object's discriminator; a newer server may send another
        if "enum" in schema:
            closed = f"Literal[{', '.join(map(python_literal, schema['enum']))}]"
            return closed if is_input else f"{closed} | str"
        if "anyOf" in schema or "oneOf" in schema:
            return self._annotate_union(schema.get("anyOf") or schema["oneOf"], is_input=is_input)
        return self._annotate_type(schema, is_input=is_input)

    def _annotate_union(self, members: list[Schema], *, is_input: bool) -> str:
        annotations = " | ".join(self.annotate(member, is_input=is_input) for member in members).split(" | ")
        return " | ".join(sorted(dict.fromkeys(annotations), key=lambda annotation: annotation == "None"))

    def _annotate_type(self, schema: Schema, *, is_input: bool) -> str:
        json_type = schema.get("type")
        if isinstance(json_type, list):
            return " | ".join(
                self._annotate_type({**schema, "type": member}, is_input=is_input) for member in json_type
            )
        if json_type in ("array", "object"):
            return self._annotate_container(schema, is_input=is_input)
        if json_type == "null":
            return "None"
        if json_type == "string" and (schema.get("format") == "binary" or "contentEncoding" in schema):
            return "File"
        if json_type in SCALARS:
            return SCALARS[json_type]
        raise UnreadableError(f"The SDK's generator does not support this schema: {schema}")

    def _annotate_container(self, schema: Schema, *, is_input: bool) -> str:
        if schema["type"] == "array":
            item = self.annotate(schema["items"], is_input=is_input)
            return f"Sequence[{item}]" if is_input else f"list[{item}]"
        values = schema.get("additionalProperties")
        value = self.annotate(values, is_input=is_input) if isinstance(values, dict) and values else "Any"
        return f"Mapping[str, {value}]" if is_input else f"dict[str, {value}]"

    def _annotate_reference(self, name: str, *, is_input: bool) -> str:
        schema = self._schemas[name]
        if self.is_inlined(name):
            return self.annotate(schema, is_input=is_input)
        if not is_input:
            return f"{name} | None" if schema["type"] == OPTIONAL_OBJECT else name
        return REFERENCE_ARGUMENTS.get(name, f"{name} | Mapping[str, Any]")


def with_none(annotation: str) -> str:
    """The annotation of something that may be left out."""
    return annotation if "None" in annotation.split(" | ") else f"{annotation} | None"
