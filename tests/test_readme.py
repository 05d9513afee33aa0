"""The README shows the tree as it is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "sdk" / "python" / "kinora" / "resources"  # described as one
PACKAGES = ("api", "engine", "bench", "sdk")


def test_every_source_file_has_its_line_and_every_line_its_file() -> None:
    tree = (ROOT / "README.md").read_text().partition("## The tree")[2].split("```")[1]
    folder, shown = "", set()
    for line in tree.splitlines():
        if match := re.match(r"(\S+)/(?:\s|$)", line):
            folder = match[1]
        elif match := re.match(r"  (\S+\.py)\s+\S", line):
            shown.add(f"{folder}/{match[1]}")
    written = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py" and GENERATED not in path.parents
    }
    assert shown == written
