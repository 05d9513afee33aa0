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

from api import ids
from api.errors import Problem
from api.http.openapi import examples
from api.http.openapi.components import build_components
from api.http.openapi.document import export_document
from api.http.openapi.texts import SECURITY, TAGS
from api.http.problems import MEDIA_TYPE
from api.routes.video_create import BODIES

COMMITTED = Path(__file__).parents[4] / "openapi" / "openapi.json"

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document(app: Litestar) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(export_document(app))
    return loaded


FOREIGN = {"receive_stripe_event"}
"""Asked by machines of others, in shapes of theirs, as often as they have to."""
BYTES = {"get_video_content", "get_stream_segment", "get_video_preview", "get_preset_image", "get_metrics"}


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
        success, *_ = [answer for status, answer in operation["responses"].items() if status in ("200", "201", "204")]
        for content in success.get("content", {}).values():
            assert content["schema"], (method, path)
            assert content["example"], (method, path)
        assert "204" in operation["responses"] or success["content"], (method, path)


def test_bodies_come_as_json_and_where_they_take_files_as_a_form(document: dict[str, Any]) -> None:
    """A form of the same schema as the JSON helps nobody, and generators that join both bodies fail on it."""
    with_form = set()
    for path, method, operation in operations(document):
        if operation["operationId"] in FILES_SENT:
            assert operation["requestBody"]["content"]["application/offset+octet-stream"]["schema"]
        elif (body := operation.get("requestBody")) and operation["operationId"] not in FOREIGN:
            assert set(body["content"]) - {"multipart/form-data"} == {"application/json"}, (method, path)
            assert all(content["example"] and content["schema"] for content in body["content"].values())
            if form := body["content"].get("multipart/form-data"):
                with_form.add(operation["operationId"])
                schema = document["components"]["schemas"][form["schema"]["$ref"].rpartition("/")[2]]
                assert any(member.get("format") == "binary" for member in schema["properties"].values()), (method, path)
    assert with_form == {
        "create_video",
        "edit_video",
        "extend_video",
        "recut_video",
        "blend_videos",
        "loop_video",
        "remix_video",
        "estimate_video",
        "create_preset",
    }


def test_refusals_are_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        if path.startswith("/v1") and operation["operationId"] not in FOREIGN:
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


def test_examples_fit_their_schemas() -> None:
    for kind, request in examples.REQUESTS.items():
        assert msgspec.convert(request, kind)
    for kind, answer in examples.RESPONSES.items():
        assert msgspec.convert(msgspec.to_builtins(answer), kind) == answer


def test_example_ids_have_the_kind_that_the_server_issues(document: dict[str, Any]) -> None:
    kinds = {
        "ApiKey": ids.API_KEY,
        "Checkout": ids.CHECKOUT,
        "LedgerEntry": ids.LEDGER_ENTRY,
        "Session": ids.SESSION,
        "Upload": ids.UPLOAD,
        "User": ids.USER,
        "Video": ids.VIDEO,
    }
    for kind, answer in examples.RESPONSES.items():
        if kind.__name__ in kinds:
            assert ids.is_valid_id(msgspec.to_builtins(answer)["id"], kinds.pop(kind.__name__)), kind
    assert kinds == {}
    assert ids.is_valid_id(examples.problem_example(Problem)["instance"], ids.REQUEST)
    issued = {value for name, value in vars(ids).items() if name.isupper() and isinstance(value, str)}
    found = set(re.findall(r"\b([a-z]+)_[0-9A-Z]{26}\b", json.dumps(document)))
    assert found <= issued


def test_a_response_is_described_by_its_own_class(document: dict[str, Any]) -> None:
    pages = [operation for _, _, operation in operations(document) if operation["operationId"].startswith("list_")]
    texts = {operation["responses"]["200"]["description"] for operation in pages}
    assert texts == {"One page of a list. Send its `last_id` as `after` to get the next page.", PLANS}


PLANS = "The plans on sale, with credit packs, overage and the price factors of videos."


def test_limits_of_inputs_are_said(document: dict[str, Any]) -> None:
    create = document["components"]["schemas"]["VideoCreate"]
    assert create["additionalProperties"] is False
    assert create["required"] == ["prompt"]
    assert (create["properties"]["n"]["minimum"], create["properties"]["n"]["maximum"]) == (1, 4)
    assert create["properties"]["prompt"]["maxLength"] == 32_000
    form = document["components"]["schemas"]["VideoCreateForm"]["properties"]["input_reference"]
    assert (form["type"], form["format"]) == ("string", "binary")


def test_a_body_that_may_be_one_of_several_is_one_schema_of_their_fields(document: dict[str, Any]) -> None:
    """All may be left out, and limits are those that all agree on: the fields that are there tell which is meant."""
    components = document["components"]["schemas"]
    wanted = components["EstimateCreate"]["properties"]
    assert {*wanted} == {name for kind in BODIES for name in components[kind.__name__]["properties"]}
    assert "required" not in components["EstimateCreate"]
    assert wanted["prompt"] == components["VideoCreate"]["properties"]["prompt"]
    assert wanted["seconds"]["minimum"] == 1


def test_what_may_be_null_says_so_in_its_type_and_no_body_has_any(document: dict[str, Any]) -> None:
    components = document["components"]["schemas"]
    assert components["Video"]["properties"]["started_at"]["type"] == ["integer", "null"]
    assert components["Video"]["properties"]["failure"]["$ref"] == "#/components/schemas/Failure"
    assert components["Failure"]["type"] == ["object", "null"]
    assert components["VideoCreate"]["properties"]["model"]["type"] == "string"


def test_an_object_that_is_null_in_one_place_only_does_not_become_so_in_others() -> None:
    class Named(msgspec.Struct):
        name: str

    class Both(msgspec.Struct):
        always: Named
        sometimes: Named | None

    found = build_components([], [Both])
    assert found["Named"]["type"] == "object"
    assert found["Both"]["properties"]["sometimes"]["anyOf"][1] == {"type": "null"}


def test_parameters_say_their_limits(document: dict[str, Any]) -> None:
    parameters = {p["name"]: p for p in document["paths"]["/v1/videos"]["get"]["parameters"] if "name" in p}
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert parameters["after"]["schema"]["type"] == "string"
    assert parameters["order"]["schema"] == {"$ref": "#/components/schemas/ListOrder", "default": "desc"}
    headers = [p["$ref"] for p in document["paths"]["/v1/videos"]["post"]["parameters"]]
    assert "#/components/parameters/IdempotencyKeyHeader" in headers


def test_every_problem_has_an_example() -> None:
    kinds: list[type[Problem]] = [Problem, *Problem.__subclasses__()]
    for kind in kinds:
        assert examples.problem_example(kind)["error"]["code"] == kind.code


def test_the_committed_document_is_this_one(app: Litestar) -> None:
    assert export_document(app) == COMMITTED.read_bytes(), "run `make openapi` and commit what it writes"
