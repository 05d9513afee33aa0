from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

# A parent that starts a child, tells both that it lives and its pid, and waits to be killed.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
print(child.pid, child.stdout.readline().decode().strip(), flush=True)
sys.stdin.read()
"""
TIED = (
    "import signal; from engine import parent_death; parent_death.die_with_parent();"
    " print('ready', flush=True); signal.pause()"
)


@pytest.fixture
def parent_process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, TIED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def gone(descriptor: int, seconds: float = 5.0) -> bool:
    """Whether the process behind a pidfd has ended, or does within `seconds`."""
    return bool(select.select([descriptor], [], [], seconds)[0])


@pytest.mark.skipif(sys.platform != "linux", reason="Linux kills the child; elsewhere the pipe's end does")
def test_a_killed_parent_takes_its_child_along(parent_process: subprocess.Popen[str]) -> None:
    assert parent_process.stdout is not None
    pid, ready = parent_process.stdout.readline().split()
    assert ready == "ready"
    child = os.pidfd_open(int(pid))
    try:
        assert not gone(child, 0.0)
        parent_process.send_signal(signal.SIGKILL)
        assert gone(child)
    finally:
        os.close(child)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux kills the child; elsewhere the pipe's end does")
def test_a_parent_already_dead_is_noticed() -> None:
    not_my_parent = os.getpid() + 1
    code = f"from engine import parent_death; parent_death.die_with_parent(parent={not_my_parent}); print('alive')"
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "")
