"""What the SDK offers: types, and resources with their methods, as the templates write them. Knows no OpenAPI."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Field:
    """A field of a Struct, or an argument of a method."""

    name: str
    wire: str
    annotation: str
    doc: str
    required: bool
    taken: bool = True

    @property
    def default(self) -> str | None:
        """What it is where it is left out, as Python writes it; None if it must be there.

        An older server leaves out what came after it: there is nothing of that, rather than no answer at all.
        """
        if not self.required or (not self.taken and self.annotation.endswith("None")):
            return "None"
        kind = "" if self.taken else self.annotation.partition("[")[0]
        return {"bool": "False", "list": "[]", "dict": "{}"}.get(kind)


@dataclass(frozen=True)
class Struct:
    """A type that is given or taken."""

    name: str
    doc: str
    fields: list[Field]
    taken: bool


@dataclass(frozen=True)
class Method:
    """An operation as it is called.

    `kind` says what comes back: `object`, `pages`, `events`, `bytes`, `text` or `nothing`; `result` is its type.
    """

    name: str
    operation: str
    summary: str
    doc: str
    verb: str
    template: str
    places: list[Field]
    body: list[Field] | None
    query: list[Field]
    kind: str
    result: str
    once: bool
    public: bool
    raises: list[str]
    example: str
    headers: list[Field]

    @property
    def arguments(self) -> list[Field]:
        """What a caller gives by name, the required first."""
        given = [*(self.body or []), *self.query]
        return sorted(given, key=lambda one: not one.required)

    @property
    def signature(self) -> str:
        """The parameters of its definition: ids by place, everything else by name."""
        return _listed([f"{place.name}: {place.annotation}" for place in self.places], [*self.named, *self._usual])

    @property
    def named(self) -> list[str]:
        """The parameters it takes by name, as a definition has them."""
        return [f"{one.name}: {one.annotation}{'' if one.required else ' = None'}" for one in self.arguments]

    @property
    def _usual(self) -> list[str]:
        """What nearly every method takes besides."""
        usual = [f"{one.name}: {one.annotation} = None" for one in self.headers]
        if self.once:
            usual.append("idempotency_key: str | None = None")
        return usual if self.kind == "events" else [*usual, "timeout: float | None = None"]


@dataclass(frozen=True)
class Resource:
    """What the client offers under one name."""

    name: str
    title: str
    doc: str
    methods: list[Method]

    @property
    def types(self) -> list[str]:
        """The types its methods speak of."""
        text = " ".join(_words(self))
        return sorted(set(re.findall(r"\b[A-Z]\w+", text)) - {"Any", "File", "Literal", "Mapping", "Sequence", "None"})


def _listed(places: list[str], named: list[str]) -> str:
    return ", ".join(["self", *places, *(["*", *named] if named else [])])


def _words(resource: Resource) -> list[str]:
    words = []
    for method in resource.methods:
        words += [method.result, *(one.annotation for one in (*method.places, *method.arguments))]
    return [re.sub(r"Literal\[[^]]*\]", "", word) for word in words]


@dataclass(frozen=True)
class API:
    """All of it."""

    version: str
    structs: list[Struct]
    resources: list[Resource] = field(default_factory=list)
