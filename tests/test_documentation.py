"""The documentation names every package and every setting, and nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from api.environment import UNPREFIXED
from api.settings import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "api/README.md",
    "engine/README.md",
    *map(str, ROOT.glob("docs/*.md")),
]


@pytest.mark.parametrize("source", ["api", "engine"])
def test_every_package_has_its_line_and_every_line_its_package(source: str) -> None:
    shown = set(re.findall(r"^(\S+)/ +\S", (ROOT / source / "README.md").read_text(), re.MULTILINE))
    packages = {str(path.parent.relative_to(ROOT / source)) for path in (ROOT / source).glob("*/**/__init__.py")}
    assert shown == packages


@pytest.mark.parametrize("source", ["api", "engine"])
def test_the_journeys_name_files_that_exist(source: str) -> None:
    text = (ROOT / source / "README.md").read_text()
    missing = [name for name in re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", text) if not (ROOT / source / name).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text())
    assert not [link for link in links if not (path.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_lead_to_files(document: str) -> None:
    text = (ROOT / document).read_text()
    paths = re.findall(r"`((?:api|engine|sdk|tests|bench|docs|openapi|\.ci)/[\w./-]+\.[a-z]+)`", text)
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 170


def test_every_setting_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\|(.+?)\|", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`((?:KINORA_|DATABASE_|REDIS_)[A-Z_]+)`", row)}
    settings = {
        UNPREFIXED.get(field.name, f"KINORA_{field.name.upper()}") for field in msgspec.structs.fields(Settings)
    }
    assert documented == settings
