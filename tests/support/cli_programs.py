"""Runs `kinora-cli` as a process, without a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.scripted_server import ScriptedServer
from tests.support.sdk_programs import PYTHON


def command(
    folder: Path, *arguments: str, server: ScriptedServer | None = None, head: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal; with `head`, nobody reads what it prints."""
    named = {"PYTHONPATH": str(PYTHON), "XDG_CONFIG_HOME": str(folder), "PATH": "", **environment}
    if server:
        named |= {"KINORA_BASE_URL": server.url, "KINORA_API_KEY": "kin_env"}
    process = subprocess.Popen(
        [sys.executable, "-m", "kinora.cli", *arguments],
        cwd=folder,
        env=named,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="latin-1",
    )
    if head and process.stdout:
        process.stdout.close()
        process.stdout = None
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def start_command(folder: Path, *arguments: str, server: ScriptedServer) -> subprocess.Popen[str]:
    """Start it in a folder and do not wait; whoever started it ends it."""
    environment = {
        "PYTHONPATH": str(PYTHON),
        "XDG_CONFIG_HOME": str(folder),
        "KINORA_BASE_URL": server.url,
        "KINORA_API_KEY": "kin_env",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "kinora.cli", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
