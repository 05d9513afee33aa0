"""OpenAPI → the generated part of the Python SDK: its types, its resources, and the list of both in `api.md`.

Reads `openapi/openapi.json` and writes what `templates/` say. What a schema or an operation means in Python is
decided in `reading`; what is written by hand is never touched.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import jinja2
import msgspec

from sdk.ir import API
from sdk.openapi_reader import read

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "openapi" / "openapi.json"
TEMPLATES = Path(__file__).parent / "templates"
PROJECT = Path(__file__).parent / "python"
PACKAGE = PROJECT / "kinora"


def main() -> int:
    """Write the files, or with `--check` only say which are out of date."""
    parser = argparse.ArgumentParser(prog="python -m sdk.generate", description="Write the generated part of the SDK.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")
    check = parser.parse_args().check
    files = generated(read(msgspec.json.decode(SPEC.read_bytes())))
    old = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    gone = [path for path in (PACKAGE / "resources").glob("*.py") if path not in files]
    if check:
        return _complain([*old, *gone])
    for path in old:
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[path])
    for path in gone:
        path.unlink()
    return 0


def _complain(paths: list[Path]) -> int:
    if paths:
        names = ", ".join(str(path.relative_to(ROOT)) for path in paths)
        sys.stderr.write(f"Not what openapi.json says: {names}. Run `make sdk` and commit what it writes.\n")
    return min(len(paths), 1)


def generated(api: API) -> dict[Path, str]:
    """Every generated file with its text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Python is written, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    files = {
        PACKAGE / "types.py": environment.get_template("types.py.jinja").render(api=api),
        PACKAGE / "_resources.py": environment.get_template("_resources.py.jinja").render(api=api),
        PACKAGE / "resources" / "__init__.py": environment.get_template("resources.py.jinja").render(api=api),
    }
    for resource in api.resources:
        text = environment.get_template("resource.py.jinja").render(resource=resource)
        files[PACKAGE / "resources" / f"{resource.name}.py"] = text
    formatted = {path: _formatted(text) for path, text in files.items()}
    return {**formatted, PROJECT / "api.md": environment.get_template("api.md.jinja").render(api=api)}


def _formatted(text: str) -> str:
    """As `make format` would leave it: imports that are not used taken out, lines broken."""
    for command in (("check", "--quiet", "--fix-only", "--select=F401,I"), ("format", "--quiet")):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(PACKAGE / "types.py"), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    sys.exit(main())
