"""`kinora demo` where its file cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.local import demo


@pytest.mark.parametrize("obstacle", ["directory", "read-only"])
async def test_a_file_that_cannot_be_written_is_said_before_anything_starts(
    obstacle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if obstacle == "directory":
        demo.OUTPUT.mkdir()
    else:
        demo.OUTPUT.touch(mode=0o444)
    with pytest.raises(demo.DemoError, match=rf"demo\.mp4 is .*{obstacle}"):
        await demo.run_demo("a red ball")
    assert not capsys.readouterr().out
