"""The READMEs of api/ and engine/ show the packages as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("source", ["api", "engine"])
def test_every_package_has_its_line_and_every_line_its_package(source: str) -> None:
    shown = set(re.findall(r"^(\S+)/ +\S", (ROOT / source / "README.md").read_text(), re.MULTILINE))
    packages = {str(path.parent.relative_to(ROOT / source)) for path in (ROOT / source).glob("*/**/__init__.py")}
    assert shown == packages
