"""The types that `openapi-typescript` makes of the document compile strictly and drive one flow of a running server.

Needs node and npm. Without them, or where the packages cannot be installed, the test is skipped; with NEEDS_NODE set,
as `make spec` does, it fails instead.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "sdk" / "typescript"
FOLDERS = [HERE, ROOT / "openapi" / "spectral", ROOT / "tests" / "sdk" / "kotlin"]
BUILD = HERE / "build"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def without(reason: str) -> NoReturn:
    """Skip, unless whoever runs the tests has promised that it need not be."""
    if os.environ.get("NEEDS_NODE"):
        pytest.fail(reason)
    pytest.skip(reason)


async def program(*command: str | Path) -> tuple[int, str, str]:
    """Run it in the folder of the TypeScript program; its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 240)
    return process.returncode or 0, out.decode(), err.decode()


async def run(*command: str | Path) -> str:
    """What a program said that must succeed."""
    status, out, err = await program(*command)
    assert status == 0, f"{command[0]}:\n{out}\n{err}"
    return out


@pytest.fixture(scope="session")
async def node_tools() -> Path:
    """The folder of the installed programs; they are installed once, and again when the lock changes."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        without(f"{' and '.join(missing)} not found on the path: install Node.js 20 or newer")
    stamp = HERE / "node_modules" / ".installed"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        status, _, err = await program(*INSTALL)
        if status:
            without(f"npm could not install the packages of tests/sdk/typescript: {err.strip()[-500:]}")
        stamp.write_text(wanted)
    return HERE / "node_modules" / ".bin"


@pytest.mark.xdist_group("backend")
async def test_the_types_compile_and_drive_a_flow(node_tools: Path, backend_url: str) -> None:
    BUILD.mkdir(exist_ok=True)
    await run(node_tools / "openapi-typescript", ROOT / "openapi" / "openapi.json", "-o", BUILD / "kinora.d.ts")
    await run(node_tools / "tsc", "--project", HERE)
    seen = json.loads(await run("node", BUILD / "flow.js", backend_url, f"typed{os.getpid()}@example.org"))
    assert seen["email"] == f"typed{os.getpid()}@example.org"
    assert (seen["status"], seen["failure"], seen["held"]) == ("completed", None, 0)
    assert seen["cost"] == seen["estimated"] > 0
    assert seen["available"] > 0
    assert seen["loop"] > 0
    assert seen["poster"] > 500
    assert seen["refused"] == "prompt"


def locked(folder: Path) -> dict[str, Any]:
    packages: dict[str, Any] = json.loads((folder / "package-lock.json").read_text())["packages"]
    return packages


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_versions_are_exact_and_the_lock_file_names_no_registry(folder: Path) -> None:
    asked = json.loads((folder / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values())
    packages = locked(folder)
    assert packages[""]["devDependencies"] == asked
    installed = [package for name, package in packages.items() if name]
    assert all(package["integrity"] for package in installed)
    assert not [package for package in installed if "resolved" in package]
