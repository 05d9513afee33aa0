"""`kinora-cli` where things are not as they should be: other servers, broken files, pipes, and old terminals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sdk.objects import example, video
from tests.sdk.programs import PYTHON
from tests.sdk.scripted import Reply, Script, says, scripted

BALANCE = example("/v1/billing/balance")


def command(
    folder: Path, *arguments: str, script: Script | None = None, head: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal; with `head`, nobody reads what it prints."""
    named = {"PYTHONPATH": str(PYTHON), "XDG_CONFIG_HOME": str(folder), "PATH": "", **environment}
    if script:
        named |= {"KINORA_BASE_URL": script.url, "KINORA_API_KEY": "kin_env"}
    process = subprocess.Popen(
        [sys.executable, "-m", "kinora.cli", *arguments],
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


def keep(folder: Path, text: str) -> None:
    (folder / "kinora").mkdir()
    (folder / "kinora" / "credentials.json").write_text(text)


def listed(*prompts: str) -> Reply:
    data = [video(prompt=prompt) for prompt in prompts]
    return says(200, {"object": "list", "data": data, "first_id": None, "last_id": None, "has_more": False})


def test_the_key_of_one_server_is_not_sent_to_another(tmp_path: Path) -> None:
    with scripted(says(200, BALANCE)) as script, scripted(says(200, BALANCE)) as other:
        keep(tmp_path, f'{{"base_url": "{script.url}", "api_key": "kin_kept"}}')
        away = command(tmp_path, "--base-url", other.url, "balance")
        named = command(tmp_path, "balance", KINORA_BASE_URL=other.url)
        home = command(tmp_path, "--base-url", f"{script.url}/v1/", "balance")
    assert (away.returncode, named.returncode, home.returncode) == (1, 1, 0), home.stderr
    assert "API key" in away.stderr
    assert not other.asked
    assert script.asked[0].headers["authorization"] == "Bearer kin_kept"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"base_url": "http://127.0.0.1:9"}', "\0"])
def test_a_broken_file_of_credentials_says_how_to_mend_it_and_is_in_nobodys_way(text: str, tmp_path: Path) -> None:
    keep(tmp_path, text)
    broken = command(tmp_path, "balance")
    assert broken.returncode == 1
    assert "kinora-cli login" in broken.stderr
    assert "Traceback" not in broken.stderr
    with scripted(says(200, BALANCE)) as script:
        assert command(tmp_path, "balance", script=script).returncode == 0


def test_credentials_do_not_inherit_the_mode_of_what_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinora._credentials import StoredCredentials, load_credentials, save_credentials

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    keep(tmp_path, "")
    left = tmp_path / "kinora" / "credentials.new"
    left.touch(mode=0o666)
    left.chmod(0o666)
    kept = StoredCredentials(base_url="http://127.0.0.1:9", api_key="kin_1")
    assert save_credentials(kept).stat().st_mode & 0o777 == 0o600
    assert load_credentials() == kept


def test_output_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    with scripted(listed("a boat")) as script:
        ended = command(tmp_path, "list", script=script, head=True)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_prompt_beyond_the_terminals_encoding_is_listed(tmp_path: Path) -> None:
    with scripted(listed("日本の港 " * 20, "a boat")) as script:
        ended = command(tmp_path, "list", script=script, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[1].endswith("a boat")


def test_a_login_with_nobody_to_ask_says_so(tmp_path: Path) -> None:
    ended = command(tmp_path, "login")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "--email" in ended.stderr
