"""The examples of MIGRATING.md, before and after, against a running backend."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.support.sdk_programs import PYTHON, run_program

pytestmark = pytest.mark.xdist_group("backend")

PAGE = (PYTHON / "MIGRATING.md").read_text()
SIDES = [
    (f"{title.strip()}: {text.splitlines()[0].lstrip('# ')}", text)
    for part in re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)[1:]
    for title, _, rest in [part.partition("\n")]
    for text in re.findall(r"```python\n(.*?)```", rest, flags=re.DOTALL)
]


def test_every_example_has_both_sides() -> None:
    assert len(SIDES) == 11
    assert sum("from openai import" in text for _, text in SIDES) == 6


@pytest.mark.parametrize("text", [text for _, text in SIDES], ids=[name for name, _ in SIDES])
async def test_an_example_runs(text: str, backend_url: str, api_key: str, tmp_path: Path) -> None:
    Image.new("RGB", (720, 1280), "teal").save(tmp_path / "first.png")
    (tmp_path / "script.py").write_text(text)
    named = {"OPENAI_BASE_URL": f"{backend_url}/v1", "OPENAI_API_KEY": api_key}
    if "from kinora import" not in text:
        named |= {"KINORA_BASE_URL": "", "KINORA_API_KEY": ""}
    status, out, err = await run_program(
        backend_url, api_key, tmp_path, "-W", "ignore::DeprecationWarning", "script.py", **named
    )
    assert status == 0, err
    for line in out.splitlines():
        assert "failed" not in line
    for saved in re.findall(r'"(\w+\.mp4)"', text):
        assert (tmp_path / saved).read_bytes()[4:8] == b"ftyp"


CALLS = """
import warnings
from openai import APIConnectionError, OpenAI
client = OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
for call in (client.videos.list, lambda: client.videos.create(prompt="a boat"), lambda: client.videos.retrieve("v")):
    try:
        call()
    except APIConnectionError:
        print("asked")
"""


@pytest.mark.parametrize("way", ["in the script", "on the command line"])
async def test_the_warning_of_openais_package_is_silenced_as_the_page_says(way: str, tmp_path: Path) -> None:
    """Any other warning is an error here, and without the filter this one is too."""
    filters = re.findall(r'python (-W) "([^"]+)"', PAGE)[0] if way == "on the command line" else ()
    lines = re.findall(r"`(warnings\.filterwarnings\([^`]+)`", PAGE) if way == "in the script" else []
    (tmp_path / "script.py").write_text(CALLS.replace("from openai", f"{''.join(lines)}\nfrom openai", 1))
    status, out, err = await run_program("", "k", tmp_path, "-W", "error::DeprecationWarning", *filters, "script.py")
    assert (status, out.split()) == (0, ["asked"] * 3), err
    status, _, err = await run_program("", "k", tmp_path, "-W", "error::DeprecationWarning", "-c", CALLS)
    assert status == 1
    assert "DeprecationWarning: The Sora API" in err
