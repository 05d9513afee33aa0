"""The OpenAPI document: complete, true, and the same as the committed one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from api import document as drawing
from api import examples
from api.document import SECURITY, TAGS
from api.errors import Problem
from api.problems import MEDIA_TYPE

COMMITTED = Path(__file__).parents[1] / "openapi" / "openapi.json"

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document(app: Litestar) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(drawing.export(app))
    return loaded


BYTES = {"get_video_content", "get_stream_piece", "get_video_preview", "get_preset_picture", "get_metrics"}


FILES_SENT = {"create_upload", "append_upload"}
"""What takes a file's own bytes."""


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        target: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        value = target
    return value


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_operations_are_named_once_and_described(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names)) > 20
    for path, method, operation in operations(document):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), path
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert operation["tags"], (method, path)
        assert set(operation["tags"]) <= TAGS.keys()


def test_answers_have_a_schema_and_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if method == "head" or operation["operationId"] in BYTES:
            continue
        (success,) = [answer for status, answer in operation["responses"].items() if status in ("200", "201", "204")]
        for content in success.get("content", {}).values():
            assert content["schema"], (method, path)
            assert content["example"], (method, path)
        assert "204" in operation["responses"] or success["content"], (method, path)


def test_bodies_come_as_json_and_as_a_form_with_an_example(document: dict[str, Any]) -> None:
    seen = 0
    for path, method, operation in operations(document):
        if operation["operationId"] in FILES_SENT:
            assert operation["requestBody"]["content"]["application/offset+octet-stream"]["schema"]
        elif body := operation.get("requestBody"):
            seen += 1
            assert set(body["content"]) == {"application/json", "multipart/form-data"}, (method, path)
            assert all(content["example"] and content["schema"] for content in body["content"].values())
    assert seen >= 7


def test_refusals_are_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        if path.startswith("/v1"):
            assert "429" in refusals, (method, path)
            assert ("401" in refusals) or operation["security"] == [], (method, path)
            assert not operation.get("requestBody") or {"400", "413", "415", "422"} <= refusals.keys(), (method, path)
        for status, answer in refusals.items():
            if operation["operationId"] == "get_ready" and status == "503":
                continue
            content = resolved(document, answer)["content"][MEDIA_TYPE]
            assert content["schema"] == {"$ref": "#/components/schemas/ProblemBody"}
            assert status == "default" or {str(e["value"]["status"]) for e in content["examples"].values()} == {status}


async def test_what_the_document_calls_closed_is_closed(document: dict[str, Any], client: httpx.AsyncClient) -> None:
    for path, method, operation in operations(document):
        answer = await client.request(method, re.sub(r"{\w+}", "x", path))
        if {"bearer": []} in operation["security"]:
            assert answer.status_code == 401, (method, path)
        else:
            assert operation["security"] == []
            assert answer.status_code != 401, (method, path)
        assert {name for choice in operation["security"] for name in choice} <= SECURITY.keys()


def test_every_reference_leads_somewhere_and_every_component_is_used(document: dict[str, Any]) -> None:
    used = set(references(document))
    for reference in used:
        assert resolved(document, {"$ref": reference})
    for kind, components in document["components"].items():
        if kind != "securitySchemes":
            assert not {name for name in components if f"#/components/{kind}/{name}" not in used}, kind


def test_schemas_have_plain_names_and_none_is_written_inline(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert all(re.fullmatch(r"([A-Z][a-z]+)+", name) for name in schemas), list(schemas)
    for path, method, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).values()):
            assert "properties" not in content.get("schema", {}), (method, path)
    for name, schema in schemas.items():
        members = schema.get("properties", {}).values() if "anyOf" not in schema else schema["anyOf"]
        assert members, name
        assert all("properties" not in member for member in members), name


def test_examples_fit_their_schemas() -> None:
    for kind, request in examples.REQUESTS.items():
        assert msgspec.convert(request, kind)
    for kind, answer in examples.ANSWERS.items():
        assert msgspec.convert(msgspec.to_builtins(answer), kind) == answer


def test_limits_of_inputs_are_said(document: dict[str, Any]) -> None:
    create = document["components"]["schemas"]["VideoCreate"]
    assert create["additionalProperties"] is False
    assert create["required"] == ["prompt"]
    assert (create["properties"]["n"]["minimum"], create["properties"]["n"]["maximum"]) == (1, 4)
    assert create["properties"]["prompt"]["maxLength"] == 32_000
    form = document["components"]["schemas"]["VideoCreateForm"]["properties"]["input_reference"]
    assert {"type": "string", "format": "binary"} in form["anyOf"]


def test_parameters_say_their_limits(document: dict[str, Any]) -> None:
    parameters = {p["name"]: p for p in document["paths"]["/v1/videos"]["get"]["parameters"] if "name" in p}
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert parameters["after"]["schema"]["type"] == "string"
    assert parameters["order"]["schema"]["enum"] == ["asc", "desc"]
    headers = [p["$ref"] for p in document["paths"]["/v1/videos"]["post"]["parameters"]]
    assert "#/components/parameters/IdempotencyKey" in headers


def test_every_problem_has_an_example() -> None:
    kinds: list[type[Problem]] = [Problem, *Problem.__subclasses__()]
    for kind in kinds:
        assert examples.problem(kind)["error"]["code"] == kind.code


def test_the_committed_document_is_this_one(app: Litestar) -> None:
    assert drawing.export(app) == COMMITTED.read_bytes(), "run `make openapi` and commit what it writes"
