"""Runs programs that use the SDK as users do: in a directory of their own, configured by the environment."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import kinora

PYTHON = Path(kinora.__file__).parents[1]
"""The directory of the package, with its examples and pages."""


async def run_program(
    backend_url: str, key: str, folder: Path, *arguments: str | Path, answers: str = "", **more: str
) -> tuple[int, str, str]:
    """Run Python with these arguments in a directory; exit status, standard output, standard error."""
    environment = {
        "KINORA_BASE_URL": backend_url,
        "KINORA_API_KEY": key,
        "PYTHONPATH": str(PYTHON),
        "XDG_CONFIG_HOME": str(folder),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env=os.environ | environment | more,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(answers.encode()), 240)
    return process.returncode or 0, out.decode(), err.decode()
