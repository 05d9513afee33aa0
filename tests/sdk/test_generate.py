"""The generated files match the document, are alike for both clients, and are cheap to import."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import kinora
import msgspec
import pytest
from kinora import _resources as resources

from sdk.generate import PACKAGE, SPEC, render_files
from sdk.ir import Resource
from sdk.openapi_reader import HANDWRITTEN, INTERNAL, read_client_api
from sdk.python_types import UnreadableError

DOCUMENT: dict[str, Any] = msgspec.json.decode(SPEC.read_bytes())
API = read_client_api(DOCUMENT)
METHODS_OF = [(resource, method) for resource in API.resources for method in resource.methods]


def test_the_committed_files_are_up_to_date() -> None:
    files = render_files(API)
    stale = [path.name for path, text in files.items() if not path.exists() or path.read_text() != text]
    assert not stale, "run `make sdk` and commit what it writes"
    assert {*(PACKAGE / "resources").glob("*.py")} <= set(files)


def test_every_operation_has_a_method() -> None:
    operations = {
        operation["operationId"]
        for verbs in DOCUMENT["paths"].values()
        for verb, operation in verbs.items()
        if verb != "head"
    } - HANDWRITTEN
    offered = [method.operation_id for _, method in METHODS_OF]
    assert sorted(offered) == sorted(operations - INTERNAL)
    assert {"create", "resume"} <= {*dir(kinora.Kinora(api_key="k").uploads)}  # what those by hand are offered as


def classes(resource: str, title: str) -> tuple[type, type]:
    module = __import__(f"kinora.resources.{resource}", fromlist=[title])
    return getattr(module, title), getattr(module, f"Async{title}")


@pytest.mark.parametrize("resource", API.resources, ids=lambda one: one.name)
def test_both_clients_have_the_same_methods(resource: Resource) -> None:
    plain, awaited = classes(resource.name, resource.class_name)
    assert hasattr(resources.Resources, resource.name)
    assert hasattr(resources.AsyncResources, resource.name)
    names = [name for name in vars(plain) if not name.startswith("_")]
    assert names == [name for name in vars(awaited) if not name.startswith("_")]
    for name in names:
        one, other = inspect.signature(getattr(plain, name)), inspect.signature(getattr(awaited, name))
        assert [*one.parameters.values()] == [*other.parameters.values()]
        kinds = {parameter.kind for parameter in list(one.parameters.values())[1:]}
        assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
        assert inspect.getdoc(getattr(plain, name))


def test_an_unsupported_schema_stops_the_generator() -> None:
    strange = msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    strange["components"]["schemas"]["Video"]["properties"]["mood"] = {"type": "feeling"}
    with pytest.raises(UnreadableError, match="feeling"):
        read_client_api(strange)


def test_keywords_get_an_underscore() -> None:
    assert [*inspect.signature(kinora.Kinora(api_key="k").videos.blend).parameters][:2] == ["from_", "to"]
    assert msgspec.json.encode(kinora.types.TimeRange(from_=0, to=1)) == b'{"from":0,"to":1}'


def modules(program: str) -> set[str]:
    said = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(said.stdout.split())


def test_importing_the_package_imports_few_modules() -> None:
    bare = modules("pass")
    named = modules("from kinora import Kinora")
    assert not {"httpx2", "asyncio", "tqdm", "kinora.types"} & modules("import kinora")
    assert len(modules("import kinora") - bare) < 60
    assert not {"httpx2", "asyncio"} & (named - bare)
    held = modules("from kinora import Kinora; Kinora(api_key='k')")
    assert not {"asyncio", "tqdm", "kinora.types"} & held


def test_every_public_name_can_be_imported() -> None:
    for name in kinora.__all__:
        assert getattr(kinora, name) is not None
    with pytest.raises(AttributeError, match="telepathy"):
        _ = kinora.telepathy  # type: ignore[attr-defined]
    assert kinora.__version__ == (Path(kinora.__file__).parent / "_version.py").read_text().split('"')[-2]
