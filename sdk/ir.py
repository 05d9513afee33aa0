"""The SDK to generate: Structs, and resources with their methods, as the templates write them. Knows no OpenAPI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

ResultKind: TypeAlias = Literal["object", "pages", "events", "bytes", "text", "nothing"]

BUILT_IN_TYPES = frozenset({"Any", "File", "Literal", "Mapping", "Sequence", "None"})


@dataclass(frozen=True)
class Field:
    """A field of a Struct, or an argument of a method."""

    name: str
    wire_name: str
    annotation: str
    doc: str
    required: bool
    is_input: bool = True

    @property
    def default(self) -> str | None:
        """The default as a Python literal; None if there is none.

        A field that an older server does not know yet is None, False or empty, so that its response can be read.
        """
        if not self.required or (not self.is_input and self.annotation.endswith("None")):
            return "None"
        type_name = "" if self.is_input else self.annotation.partition("[")[0]
        return {"bool": "False", "list": "[]", "dict": "{}"}.get(type_name)


@dataclass(frozen=True)
class Struct:
    """A type of arguments (`is_input`) or of results."""

    name: str
    doc: str
    fields: list[Field]
    is_input: bool


@dataclass(frozen=True)
class Method:
    """An operation as a method. `result` is the type of what `result_kind` delivers; `item, page` for pages.

    `file_members` names the fields of the body that may be files, as in `storyboard.upload`, and the member of each
    that holds one in JSON.
    """

    name: str
    operation_id: str
    summary: str
    doc: str
    verb: str
    path_template: str
    path_parameters: list[Field]
    body: list[Field] | None
    file_members: dict[str, str]
    query: list[Field]
    result_kind: ResultKind
    result: str
    idempotent: bool
    public: bool
    raises: list[str]
    example: str
    header_arguments: list[Field]

    @property
    def arguments(self) -> list[Field]:
        """The keyword arguments of the operation itself, the required first."""
        return sorted([*(self.body or []), *self.query], key=lambda argument: not argument.required)

    @property
    def signature(self) -> str:
        """The parameters of the definition: ids by position, everything else by keyword."""
        positional = [f"{parameter.name}: {parameter.annotation}" for parameter in self.path_parameters]
        keywords = [*self.keyword_parameters, *self._option_parameters]
        return ", ".join(["self", *positional, *(["*", *keywords] if keywords else [])])

    @property
    def keyword_parameters(self) -> list[str]:
        """`arguments` as parameters of a definition."""
        return [
            f"{argument.name}: {argument.annotation}{'' if argument.required else ' = None'}"
            for argument in self.arguments
        ]

    @property
    def _option_parameters(self) -> list[str]:
        """Parameters for headers, idempotency and timeout."""
        options = [f"{argument.name}: {argument.annotation} = None" for argument in self.header_arguments]
        if self.idempotent:
            options.append("idempotency_key: str | None = None")
        return options if self.result_kind == "events" else [*options, "timeout: float | None = None"]

    @property
    def annotations(self) -> list[str]:
        """The annotations of its result and parameters, without the values of literals."""
        parameters = (*self.path_parameters, *self.arguments)
        annotations = [self.result, *(parameter.annotation for parameter in parameters)]
        return [re.sub(r"Literal\[[^]]*\]", "", annotation) for annotation in annotations]


@dataclass(frozen=True)
class Resource:
    """The methods that the client offers under one name."""

    name: str
    class_name: str
    doc: str
    methods: list[Method]

    @property
    def type_names(self) -> list[str]:
        """The Structs that its methods mention."""
        text = " ".join(annotation for method in self.methods for annotation in method.annotations)
        return sorted(set(re.findall(r"\b[A-Z]\w+", text)) - BUILT_IN_TYPES)


@dataclass(frozen=True)
class ClientApi:
    """All types and resources."""

    version: str
    structs: list[Struct]
    resources: list[Resource]
