"""The README, the examples and the command against a running backend."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import av
import kinora
import pytest
from kinora import AsyncKinora, Kinora

from tests.support.sdk_programs import PYTHON, run_program

pytestmark = pytest.mark.xdist_group("backend")

EXAMPLES = sorted((PYTHON / "examples").glob("*.py"))
PROMPT = "a red ball bounces over green hills at sunset"


def frames(film: bytes) -> int:
    with av.open(io.BytesIO(film), "r") as container:
        return len(list(container.decode(container.streams.video[0])))


def the_story(backend_url: str, key: str, folder: Path) -> None:
    """What the README promises, from the first line to the last, and what lies around it."""
    told: list[int] = []
    with Kinora(api_key=key, base_url=f"{backend_url}/v1") as client:
        video = client.videos.create(prompt=PROMPT, seconds=2, loop=True)
        video = client.videos.wait(video, timeout=120, on_progress=lambda now: told.append(now.progress))
        assert (video.status, told[-1], told) == ("completed", 100, sorted(told))
        film = client.videos.download(video, folder / "ball.mp4")
        assert frames(film.read_bytes()) == 16
        assert client.videos.content(video) == film.read_bytes()
        assert client.videos.content(video, variant="poster")[:2] == b"\xff\xd8"
        assert client.videos.playlist(video).startswith("#EXTM3U")

        remix = client.videos.remix(video, prompt="the same at night", strength="mild")
        assert client.videos.cancel(remix).status == "cancelled"
        with pytest.raises(kinora.VideoCancelled):
            client.videos.wait(remix)
        assert [one.id for one in client.videos.list(limit=1)] == [remix.id, video.id]
        assert client.videos.delete(remix).deleted
        with pytest.raises(kinora.NotFound):
            client.videos.get(remix)

        assert client.billing.balance().held == 0
        kinds = [entry.kind for entry in client.billing.ledger(order="asc")]
        assert kinds[0] == "grant"
        assert "settle" in kinds
        assert client.models.list().page().data[0].id == "kinora-mini"
        with pytest.raises(kinora.Invalid) as caught:
            client.videos.create(prompt=PROMPT, seconds=9_999)
        assert caught.value.param == "seconds"


async def test_the_readme_runs(backend_url: str, api_key: str, tmp_path: Path) -> None:
    await asyncio.to_thread(the_story, backend_url, api_key, tmp_path)


async def test_the_readme_runs_with_the_async_client(backend_url: str, api_key: str, tmp_path: Path) -> None:
    async with AsyncKinora(api_key=api_key, base_url=backend_url) as client:
        video = await client.videos.generate_to_file(tmp_path / "ball.mp4", prompt=PROMPT, seconds=1)
        assert frames((tmp_path / "ball.mp4").read_bytes()) > 0
        assert [one.id async for one in client.videos.list()] == [video.id]
        assert (await client.videos.list(limit=1)).data[0].id == video.id
        async for seen in client.videos.watch(video):
            assert seen.status == "completed"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_runs(example: Path, backend_url: str, api_key: str, tmp_path: Path) -> None:
    status, out, err = await run_program(backend_url, api_key, tmp_path, example)
    assert status == 0, err
    for line in out.splitlines():
        if line.startswith("saved as "):
            assert (tmp_path / line.removeprefix("saved as ")).stat().st_size > 500
    assert out


async def test_the_command_generates_lists_remixes_and_downloads(
    backend_url: str, api_key: str, tmp_path: Path
) -> None:
    async def command(*arguments: str) -> tuple[int, str, str]:
        return await run_program(backend_url, api_key, tmp_path, "-m", "kinora.cli", *arguments)

    status, out, err = await command("generate", PROMPT, "--seconds", "1", "-o", "ball.mp4")
    assert (status, out.splitlines()[1:]) == (0, ["ball.mp4"]), err
    video = out.splitlines()[0]
    assert "completed" in err
    status, out, _ = await command("remix", video, "at night", "--no-wait")
    remix = out.strip()
    assert status == 0
    assert (await command("watch", remix))[0] == 0
    status, out, _ = await command("list")
    assert [line.split()[0] for line in out.splitlines()] == [remix, video]
    status, out, _ = await command("download", video, "--variant", "poster")
    assert (tmp_path / out.strip()).suffix == ".jpg"
    assert "credits available" in (await command("balance"))[1]
    status, _, err = await command("download", "video_nope")
    assert status == 1
    assert err.startswith("kinora-cli: ")
    assert "Traceback" not in err


async def test_login_stores_a_key_for_the_other_commands(backend_url: str, tmp_path: Path) -> None:
    """The password is typed at a terminal; without one it is read from the standard input."""
    none = {"KINORA_API_KEY": "", "KINORA_BASE_URL": ""}
    status, out, err = await run_program(
        backend_url,
        "",
        tmp_path,
        *(
            "-W",
            "ignore",
            "-m",
            "kinora.cli",
            "--base-url",
            backend_url,
            "login",
            "--sign-up",
            "--email",
            "new@example.org",
        ),
        answers="a good long password\n",
        **none,
    )
    assert status == 0, err
    kept = tmp_path / "kinora" / "credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(kept) in out
    status, out, err = await run_program(backend_url, "", tmp_path, "-m", "kinora.cli", "balance", **none)
    assert status == 0, err
    assert "credits available" in out
