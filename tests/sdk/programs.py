"""Running programs that use the SDK, as their users do: in a folder of their own, told by the environment."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import kinora

PYTHON = Path(kinora.__file__).parents[1]
"""Where the package lies, with its examples and pages."""


async def program(
    site: str, key: str, folder: Path, *arguments: str | Path, answers: str = "", **more: str
) -> tuple[int, str, str]:
    """Run Python with these arguments in a folder; its exit status and what it said."""
    named = {"KINORA_BASE_URL": site, "KINORA_API_KEY": key, "PYTHONPATH": str(PYTHON), "XDG_CONFIG_HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env=os.environ | named | more,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(answers.encode()), 240)
    return process.returncode or 0, out.decode(), err.decode()
