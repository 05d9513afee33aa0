"""Generates part of the Python SDK from `openapi/openapi.json`: its types, its resources, and their list in `api.md`.

`openapi_reader` decides what a schema or an operation becomes in Python, `templates/` how it is written. Handwritten
files are never touched.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import jinja2
import msgspec

from sdk.ir import ClientApi
from sdk.openapi_reader import read_client_api

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "openapi" / "openapi.json"
TEMPLATES = Path(__file__).parent / "templates"
PROJECT = Path(__file__).parent / "python"
PACKAGE = PROJECT / "kinora"


def main() -> int:
    """Write the files, or with `--check` only report those that are out of date."""
    parser = argparse.ArgumentParser(prog="python -m sdk.generate", description="Generate part of the Python SDK.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")
    check = parser.parse_args().check
    files = render_files(read_client_api(msgspec.json.decode(SPEC.read_bytes())))
    outdated = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    obsolete = [path for path in (PACKAGE / "resources").glob("*.py") if path not in files]
    if check:
        return _report_outdated([*outdated, *obsolete])
    for path in outdated:
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[path])
    for path in obsolete:
        path.unlink()
    return 0


def _report_outdated(paths: list[Path]) -> int:
    if paths:
        names = ", ".join(str(path.relative_to(ROOT)) for path in paths)
        sys.stderr.write(f"Out of date with openapi.json: {names}. Run `make sdk` and commit the result.\n")
    return min(len(paths), 1)


def render_files(api: ClientApi) -> dict[Path, str]:
    """The text of every generated file, by path."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - the output is Python, not HTML
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
    python_files = {path: _format_python(text) for path, text in files.items()}
    return {**python_files, PROJECT / "api.md": environment.get_template("api.md.jinja").render(api=api)}


def _format_python(text: str) -> str:
    """The text as `make format` would leave it: without unused imports, lines wrapped."""
    for command in (("check", "--quiet", "--fix-only", "--select=F401,I"), ("format", "--quiet")):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(PACKAGE / "types.py"), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    sys.exit(main())
