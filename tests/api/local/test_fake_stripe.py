"""`kinora up` without a key of Stripe's: somebody buys a plan by clicking, and has it after a restart too."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.local import fake_stripe
from api.settings import Settings
from tests.api.test_cli import up
from tests.support.users import Person, sign_up

pytestmark = pytest.mark.xdist_group("backend")

PATIENCE = 120.0
CARD = "4242424242424242"


@pytest.fixture
def data_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kinora-") as name:
        yield Path(name) / "data"


async def until(answer: Callable[[], Awaitable[dict[str, Any]]], fits: Callable[[dict[str, Any]], bool]) -> None:
    """Ask until the answer fits: nobody tells a client that Stripe's event has been applied."""
    async with asyncio.timeout(PATIENCE):
        while not fits(await answer()):  # noqa: ASYNC110 - what changes is in other processes
            await asyncio.sleep(0.05)


async def test_a_plan_is_bought_at_the_stand_in_and_outlives_a_restart(
    data_folder: Path, tmp_path: Path, weights: Path
) -> None:
    async with (
        up(data_folder, tmp_path / "log", weights) as (process, url),
        httpx.AsyncClient(base_url=url) as http_client,
    ):
        person = await sign_up(http_client)
        page = await bought(http_client, person, "/checkout", {"plan": "plus"})
        assert httpx.URL(page).host == "127.0.0.1"
        await until(lambda: read(http_client, person, "/subscription"), lambda seen: seen["plan"] == "plus")
        await until(lambda: read(http_client, person, "/balance"), lambda seen: seen["available"] >= 300)
        known = (data_folder / "stripe" / "known.json").read_bytes()
        assert (data_folder / "stripe" / "known.json").stat().st_mode & 0o777 == 0o600
        process.terminate()
        assert await process.wait() == 0
    async with (
        up(data_folder, tmp_path / "log", weights) as (process, url),
        httpx.AsyncClient(base_url=url) as http_client,
    ):
        assert (await read(http_client, person, "/subscription"))["plan"] == "plus"
        await bought(http_client, person, "/packs/checkout", {"pack": "small"})
        await until(
            lambda: read(http_client, person, "/balance"), lambda seen: seen["buckets"]["purchased"]["amount"] == 500
        )
        assert json.loads((data_folder / "stripe" / "known.json").read_bytes())["key"] == json.loads(known)["key"]
        process.terminate()
        assert await process.wait() == 0
    assert "no real payments" in (tmp_path / "log").read_text()


async def bought(http_client: httpx.AsyncClient, person: Person, path: str, what: dict[str, Any]) -> str:
    """Open the page and press its button; answers where the page is."""
    answer = await http_client.post(
        f"/v1/billing{path}", json={**what, "success_url": "https://example.org/paid"}, headers=person.headers
    )
    assert answer.status_code == 200, answer.text
    page: str = answer.json()["url"]
    paid = await http_client.post(page, data={"card": CARD})
    assert paid.status_code == 303, paid.text
    return page


async def read(http_client: httpx.AsyncClient, person: Person, path: str) -> dict[str, Any]:
    answer = await http_client.get(f"/v1/billing{path}", headers=person.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        (Settings(), "http://127.0.0.1"),
        (Settings(host="192.168.1.5"), "http://192.168.1.5"),
        (Settings(host="0.0.0.0", public_url="http://192.168.1.5:8000"), "http://192.168.1.5"),  # noqa: S104 - not bound
        (Settings(host="::1"), "http://[::1]"),
        (Settings(public_url="http://[::1]:8000"), "http://[::1]"),
        (Settings(public_url="https://video.example.org"), "http://video.example.org"),
    ],
)
def test_its_pages_are_where_the_api_is(settings: Settings, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert fake_stripe._pages_url(settings, listener) == f"{host}:{listener.getsockname()[1]}"
