"""`kinora-cli` with several servers, unreadable files, closed pipes and limited terminals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api_examples import example, video
from tests.support.cli_programs import command
from tests.support.scripted_server import Reply, respond, scripted_server

BALANCE = example("/v1/billing/balance")


def keep(folder: Path, text: str) -> None:
    (folder / "kinora").mkdir()
    (folder / "kinora" / "credentials.json").write_text(text)


def listed(*prompts: str) -> Reply:
    data = [video(prompt=prompt) for prompt in prompts]
    return respond(200, {"object": "list", "data": data, "first_id": None, "last_id": None, "has_more": False})


def test_the_key_of_one_server_is_not_sent_to_another(tmp_path: Path) -> None:
    with scripted_server(respond(200, BALANCE)) as server, scripted_server(respond(200, BALANCE)) as other:
        keep(tmp_path, f'{{"base_url": "{server.url}", "api_key": "kin_kept"}}')
        away = command(tmp_path, "--base-url", other.url, "balance")
        named = command(tmp_path, "balance", KINORA_BASE_URL=other.url)
        home = command(tmp_path, "--base-url", f"{server.url}/v1/", "balance")
    assert (away.returncode, named.returncode, home.returncode) == (1, 1, 0), home.stderr
    assert "API key" in away.stderr
    assert not other.requests
    assert server.requests[0].headers["authorization"] == "Bearer kin_kept"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"base_url": "http://127.0.0.1:9"}', "\0"])
def test_unreadable_credentials_are_reported_and_ignored_with_an_explicit_key(text: str, tmp_path: Path) -> None:
    keep(tmp_path, text)
    broken = command(tmp_path, "balance")
    assert broken.returncode == 1
    assert "kinora-cli login" in broken.stderr
    assert "Traceback" not in broken.stderr
    with scripted_server(respond(200, BALANCE)) as server:
        assert command(tmp_path, "balance", server=server).returncode == 0


def test_stored_credentials_do_not_keep_the_mode_of_an_existing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinora.cli.credentials import StoredCredentials, load_credentials, save_credentials

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    keep(tmp_path, "")
    left = tmp_path / "kinora" / "credentials.new"
    left.touch(mode=0o666)
    left.chmod(0o666)
    kept = StoredCredentials(base_url="http://127.0.0.1:9", api_key="kin_1")
    assert save_credentials(kept).stat().st_mode & 0o777 == 0o600
    assert load_credentials() == kept


def test_a_closed_pipe_is_not_reported_as_an_error(tmp_path: Path) -> None:
    with scripted_server(listed("a boat")) as server:
        ended = command(tmp_path, "list", server=server, head=True)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_list_prints_prompts_that_the_terminal_cannot_encode(tmp_path: Path) -> None:
    with scripted_server(listed("日本の港 " * 20, "a boat")) as server:
        ended = command(tmp_path, "list", server=server, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[1].endswith("a boat")


def test_login_without_a_terminal_asks_for_the_option(tmp_path: Path) -> None:
    ended = command(tmp_path, "login")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "--email" in ended.stderr
