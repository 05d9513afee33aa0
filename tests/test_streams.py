"""Watching a clip while it is made: a playlist that only grows, whatever becomes of the attempts."""

from __future__ import annotations

import io
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import httpx
import msgspec
import pytest

from api import streams
from api.parts import Parts
from api.publisher import Publisher
from api.sql import upkeep
from api.sql.moves import Claimed
from api.sql.streams import Segment, Stream
from api.storage import Storage
from engine import types
from tests.people import Person, sign_up
from tests.test_feeds import following
from tests.test_videos import claim, create
from tests.test_videos import person as rich

NOW = datetime.now(UTC)
QUERY = "?expires=1&signature=x"
REQUEST = types.Request("kinora-mini", "a red ball", 320, 192, 4.0, 1)


def listed(*seconds: float, attempt: int = 1, head: str = "a" * 16) -> list[Segment]:
    return [Segment(number=number, attempt=attempt, head=head, seconds=each) for number, each in enumerate(seconds)]


def stream(state: Any = "in_progress") -> Stream:
    return Stream(user_id="u", state=state, failure=None, created_at=NOW, purged_at=None)


def test_a_playlist_only_grows() -> None:
    pieces = listed(1.125, 2.0, 2.0, 2.875)
    texts = [streams.playlist(stream(), pieces[:count], QUERY) for count in range(1, 5)]
    texts.append(streams.playlist(stream("completed"), pieces, QUERY))
    for shorter, longer in pairwise(texts):
        assert longer.startswith(shorter)
    assert "ENDLIST" not in texts[-2]
    assert texts[-1].endswith("#EXT-X-ENDLIST\n")


def test_a_playlist_says_what_players_want_to_know() -> None:
    lines = streams.playlist(stream(), listed(1.125, 2.0), QUERY).splitlines()
    assert lines[:2] == ["#EXTM3U", "#EXT-X-VERSION:7"]
    assert "#EXT-X-TARGETDURATION:3" in lines
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in lines
    assert f'#EXT-X-MAP:URI="stream/{"a" * 16}.mp4{QUERY}"' in lines
    assert lines[-4:] == ["#EXTINF:1.125000,", f"stream/1-0.m4s{QUERY}", "#EXTINF:2.000000,", f"stream/1-1.m4s{QUERY}"]


def test_another_head_is_announced() -> None:
    first, second = listed(2.0, 2.0)
    other = Segment(number=1, attempt=2, head="b" * 16, seconds=2.0)
    lines = streams.playlist(stream(), [first, other], QUERY).splitlines()
    assert lines.index("#EXT-X-DISCONTINUITY") < lines.index(f'#EXT-X-MAP:URI="stream/{"b" * 16}.mp4{QUERY}"')
    assert "#EXT-X-DISCONTINUITY" not in streams.playlist(stream(), [first, second], QUERY)


@pytest.fixture
async def claimed(client: httpx.AsyncClient, parts: Parts, account: Person) -> Claimed:
    """A clip that a worker has taken on."""
    await client.post("/v1/videos", json={"prompt": "a ball", "seconds": 4}, headers=account.headers)
    found = await parts.videos.claim("worker_a")
    assert found
    return found


def made(folder: Path, index: int, content: str = "") -> types.Segment:
    """A piece as the engine hands it over, of one second."""
    head, file, state = folder / "head.mp4", folder / f"segment-{index:04}.m4s", folder / f"state-{index:04}"
    head.write_bytes(b"head")
    file.write_bytes(f"piece {index} {content}".encode())
    state.write_bytes(f"state {index}".encode())
    return types.Segment(index, 8 * (index + 1), index + 1.0, head, file, state)


async def shown(client: httpx.AsyncClient, account: Person, video_id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/videos/{video_id}", headers=account.headers)
    return dict(answer.json())


async def test_what_is_published_can_be_watched_with_one_signature(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    assert (await shown(client, account, claimed.id))["assets"]["stream"] is None
    early = await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)
    assert (early.status_code, early.json()["error"]["code"]) == (409, "not_ready")

    publisher = Publisher(claimed, REQUEST, parts.videos, parts.storage)
    for index in range(2):
        assert await publisher.publish(made(tmp_path, index))
    url = httpx.URL((await shown(client, account, claimed.id))["assets"]["stream"])
    answer = await client.get(f"{url.path}?{url.query.decode()}")
    assert answer.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert answer.headers["cache-control"] == "no-cache"
    uris = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert len(uris) == 2
    for index, uri in enumerate(uris):
        piece = await client.get(str(httpx.URL(f"http://test{url.path}").join(uri)))
        assert (piece.status_code, piece.content) == (200, f"piece {index} ".encode())
        assert piece.headers["content-type"] == "video/mp4"
    head = answer.text.split('#EXT-X-MAP:URI="')[1].split('"')[0]
    assert (await client.get(str(httpx.URL(f"http://test{url.path}").join(head)))).content == b"head"


async def test_a_signature_opens_its_own_stream_and_nothing_else(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    await Publisher(claimed, REQUEST, parts.videos, parts.storage).publish(made(tmp_path, 0))
    url = httpx.URL((await shown(client, account, claimed.id))["assets"]["stream"])
    signed = url.query.decode()
    other = (await client.post("/v1/videos", json={"prompt": "a ball"}, headers=account.headers)).json()["id"]
    assert (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8?{signed}")).status_code == 200
    assert (await client.get(f"/v1/videos/{other}/stream.m3u8?{signed}")).status_code == 401
    assert (await client.get(f"/v1/videos/{claimed.id}/content?{signed}")).status_code == 401
    assert (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8")).status_code == 401
    stranger = await sign_up(client)
    for end in ("stream.m3u8", "stream/1-0.m4s"):
        assert (await client.get(f"/v1/videos/{claimed.id}/{end}", headers=stranger.headers)).status_code == 404
        assert (await client.get(f"/v1/videos/{claimed.id}/{end}", headers=account.headers)).status_code == 200
    for piece in ("1-7.m4s", "..%2F..%2Fvideo.mp4", "x", "1-0.m4s%00"):
        answer = await client.get(f"/v1/videos/{claimed.id}/stream/{piece}", headers=account.headers)
        assert answer.status_code == 404, piece


async def interrupted(client: httpx.AsyncClient, parts: Parts, account: Person, first: Publisher, folder: Path) -> str:
    """Two pieces are published when their attempt is given back; the playlist then."""
    for index in range(2):
        assert await first.publish(made(folder, index, "of the first"))
    claimed = first._claimed
    text = (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)).text
    assert await parts.videos.give_back(claimed)
    return text


async def test_the_next_attempt_goes_on_where_the_playlist_ends(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    first = Publisher(claimed, REQUEST, parts.videos, parts.storage)
    assert await first.resume() is None
    before = await interrupted(client, parts, account, first, tmp_path)
    again = await parts.videos.claim("worker_b")
    assert again
    second = Publisher(again, REQUEST, parts.videos, parts.storage)
    resume = await second.resume()
    assert resume
    assert [piece.file.read_bytes() for piece in resume.pieces] == [b"piece 0 of the first", b"piece 1 of the first"]
    assert {piece.head.read_bytes() for piece in resume.pieces} == {b"head"}
    assert resume.state.read_bytes() == b"state 1"
    assert list(resume.state.parent.iterdir()) == [resume.state], "no earlier state is of use to anybody"

    for index in range(2, 4):
        assert await second.publish(made(tmp_path, index, "of the second"))
    assert not await first.publish(made(tmp_path, 2, "too late"))
    after = (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)).text
    assert after.startswith(before)
    assert "DISCONTINUITY" not in after
    assert [uri.partition("?")[0] for uri in after.splitlines() if "m4s" in uri] == [
        "stream/1-0.m4s", "stream/1-1.m4s", "stream/2-2.m4s", "stream/2-3.m4s",
    ]  # fmt: skip
    assert after.count("#EXTINF:1.000000,") == 4
    piece = await client.get(f"/v1/videos/{claimed.id}/stream/2-2.m4s", headers=account.headers)
    assert piece.content == b"piece 2 of the second"


async def test_an_attempt_that_had_to_begin_anew_appends_the_rest_and_says_so(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    first = Publisher(claimed, REQUEST, parts.videos, parts.storage)
    before = await interrupted(client, parts, account, first, tmp_path)
    again = await parts.videos.claim("worker_b")
    assert again
    second = Publisher(again, REQUEST, parts.videos, parts.storage)
    for index in range(4):
        assert await second.publish(made(tmp_path, index, "of the second"))
    after = (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)).text
    assert after.startswith(before)
    lines = [line.partition("?")[0] for line in after.removeprefix(before).splitlines()]
    assert lines == [
        "#EXT-X-DISCONTINUITY", "#EXTINF:1.000000,", "stream/2-2.m4s", "#EXTINF:1.000000,", "stream/2-3.m4s",
    ]  # fmt: skip


async def test_pieces_cut_otherwise_leave_no_hole(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    first = Publisher(claimed, REQUEST, parts.videos, parts.storage)
    before = await interrupted(client, parts, account, first, tmp_path)
    again = await parts.videos.claim("worker_b")
    assert again
    second = Publisher(again, REQUEST, parts.videos, parts.storage)
    for index, ends in enumerate((1.5, 3.0, 4.0)):
        assert await second.publish(replace(made(tmp_path, index), seconds_done=ends))
    after = (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)).text
    lines = [line.partition("?")[0] for line in after.removeprefix(before).splitlines()]
    assert lines == [
        "#EXT-X-DISCONTINUITY", "#EXTINF:1.500000,", "stream/2-2.m4s", "#EXTINF:1.000000,", "stream/2-3.m4s",
    ]  # fmt: skip


async def test_a_piece_that_could_not_be_listed_is_listed_with_the_next(
    client: httpx.AsyncClient,
    parts: Parts,
    account: Person,
    claimed: Claimed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher = Publisher(claimed, REQUEST, parts.videos, parts.storage)

    async def away(*_: object) -> bool:
        raise ConnectionError

    with monkeypatch.context() as cut_off:
        cut_off.setattr(parts.videos, "publish", away)
        with pytest.raises(ConnectionError):
            await publisher.publish(made(tmp_path, 0))
    assert await publisher.publish(made(tmp_path, 1))
    text = (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)).text
    assert [line.partition("?")[0] for line in text.splitlines() if "m4s" in line] == [
        "stream/1-0.m4s", "stream/1-1.m4s",
    ]  # fmt: skip


async def test_a_piece_that_got_lost_on_its_way_into_storage_is_never_listed(
    client: httpx.AsyncClient,
    parts: Parts,
    account: Person,
    claimed: Claimed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher = Publisher(claimed, REQUEST, parts.videos, parts.storage)
    segment = made(tmp_path, 0)

    def lose(_: Storage, source: Path, key: str) -> None:
        source.unlink()
        raise OSError(key)

    with monkeypatch.context() as broken:
        broken.setattr(Storage, "adopt", lose)
        with pytest.raises(OSError, match="latents"):
            await publisher.publish(segment)
        with pytest.raises(OSError, match="m4s"):
            await publisher.flush()
    with pytest.raises(FileNotFoundError):
        await publisher.flush()
    answer = await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)
    assert answer.json()["error"]["code"] == "not_ready"


async def test_a_stream_is_charged_for_as_far_as_it_could_be_watched(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    await Publisher(claimed, REQUEST, parts.videos, parts.storage).publish(made(tmp_path, 0))
    cost = (await shown(client, account, claimed.id))["cost"]["credits"]
    await client.post(f"/v1/videos/{claimed.id}/cancel", headers=account.headers)
    assert (await shown(client, account, claimed.id))["cost"] == {
        "credits": cost / 4,
        "state": "settled",
        "relaxed": False,
    }
    playlist = (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)).text
    assert playlist.endswith("#EXT-X-ENDLIST\n"), "what was paid for can be watched"


async def test_a_failed_clip_s_stream_is_withdrawn(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    await Publisher(claimed, REQUEST, parts.videos, parts.storage).publish(made(tmp_path, 0))
    assert await parts.videos.fail(claimed, "bad_frames")
    answer = await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "video_failed")
    video = await shown(client, account, claimed.id)
    assert video["assets"]["stream"] is None
    assert video["failure"]["refunded"]


async def test_a_stream_ends_after_a_day(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    await Publisher(claimed, REQUEST, parts.videos, parts.storage).publish(made(tmp_path, 0))
    async with parts.pool.acquire() as db:
        await db.execute("UPDATE generations SET created_at = $2 WHERE id = $1", claimed.id, NOW - timedelta(hours=25))
    answer = await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)
    assert answer.status_code == 410
    assert (await shown(client, account, claimed.id))["assets"]["stream"] is None


async def test_a_cancelled_clip_names_its_stream_only_while_its_pieces_are_kept(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    await Publisher(claimed, REQUEST, parts.videos, parts.storage).publish(made(tmp_path, 0))
    await client.post(f"/v1/videos/{claimed.id}/cancel", headers=account.headers)
    assert (await shown(client, account, claimed.id))["assets"]["stream"]
    async with parts.pool.acquire() as db:
        await upkeep.purged(db, claimed.id)
    answer = await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)
    assert answer.status_code == 410
    assert (await shown(client, account, claimed.id))["assets"]["stream"] is None


async def test_a_clip_cancelled_before_its_first_piece_says_so_to_who_would_watch_it(
    client: httpx.AsyncClient, account: Person, claimed: Claimed
) -> None:
    await client.post(f"/v1/videos/{claimed.id}/cancel", headers=account.headers)
    answer = await client.get(f"/v1/videos/{claimed.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "video_cancelled"), (
        "there is no waiting for it"
    )


async def test_a_file_says_whether_it_is_signed(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed
) -> None:
    assert (await shown(client, account, claimed.id))["provenance"] == {"state": "pending"}
    assert await parts.videos.complete(claimed, [])
    assert (await shown(client, account, claimed.id))["provenance"] == {"state": "unsigned"}


def guess(folder: Path, seconds: float) -> types.Preview:
    """A preview as the engine hands it over."""
    file = folder / "preview.jpg"
    file.write_bytes(f"guess at {seconds}".encode())
    return types.Preview(seconds, file)


async def test_a_guess_is_seen_until_there_is_something_better(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    async def assets() -> dict[str, Any]:
        return dict((await shown(client, account, claimed.id))["assets"])

    publisher = Publisher(claimed, REQUEST, parts.videos, parts.storage)
    assert (await assets())["preview"] is None
    assert await publisher.preview(guess(tmp_path, 0.0))
    first = (await assets())["preview"]
    assert await publisher.preview(guess(tmp_path, 1.0))
    second = (await assets())["preview"]
    assert first != second
    for url, content in ((first, b"guess at 0.0"), (second, b"guess at 1.0")):
        answer = await client.get(url)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == "image/jpeg"
    assert await publisher.publish(made(tmp_path, 0))
    assert (await assets())["preview"] == second, "it shows what cannot be watched yet"
    assert await publisher.publish(made(tmp_path, 1))
    assert (await assets())["preview"] is None
    assert await publisher.preview(guess(tmp_path, 1.5))
    assert (await assets())["preview"] is None, "that second is published"
    assert await publisher.preview(guess(tmp_path, 2.5))
    assert (await assets())["preview"]
    assert await parts.videos.complete(claimed, [])
    assert (await assets())["preview"] is None


async def test_every_preview_is_an_event_and_comes_before_there_is_anything_to_watch(
    real: Parts, tmp_path: Path
) -> None:
    person = await rich(real)
    video_id = await create(real, person)
    claimed = await claim(real)
    publisher = Publisher(claimed, REQUEST, real.videos, real.storage)
    async with aclosing(real.feeds.one(video_id, person.id)) as stream:
        await following(stream)

        async def told(act: Awaitable[bool]) -> tuple[str | None, str | None]:
            assert await act
            [event] = await following(stream)
            assets = msgspec.json.decode(event["data"])["assets"]
            return assets["preview"], assets["stream"]

        one, nothing = await told(publisher.preview(guess(tmp_path, 0.0)))
        two, nothing_yet = await told(publisher.preview(guess(tmp_path, 0.5)))
        gone, playlist = await told(publisher.publish(made(tmp_path, 0)))
    assert one
    assert two
    assert one != two
    assert (nothing, nothing_yet, gone) == (None, None, None)
    assert playlist


async def test_a_preview_opens_for_its_owner_alone(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path
) -> None:
    await Publisher(claimed, REQUEST, parts.videos, parts.storage).preview(guess(tmp_path, 0.0))
    url = httpx.URL((await shown(client, account, claimed.id))["assets"]["preview"])
    signed = url.query.decode()
    stranger = await sign_up(client)
    assert (await client.get(url.path)).status_code == 401
    assert (await client.get(f"/v1/videos/{claimed.id}/stream.m3u8?{signed}")).status_code == 401
    assert (await client.get(url.path, headers=stranger.headers)).status_code == 404
    assert (await client.get(url.path, headers=account.headers)).status_code == 200
    for name in ("1-7.jpg", "1-0.m4s", "x", "..%2F..%2Fvideo.mp4"):
        answer = await client.get(f"/v1/videos/{claimed.id}/preview/{name}", headers=account.headers)
        assert answer.status_code == 404, name


@pytest.mark.parametrize(("end", "code"), [("cancelled", "video_cancelled"), ("failed", "video_failed")])
async def test_previews_are_withdrawn_from_a_clip_that_comes_to_nothing(
    client: httpx.AsyncClient, parts: Parts, account: Person, claimed: Claimed, tmp_path: Path, end: str, code: str
) -> None:
    publisher = Publisher(claimed, REQUEST, parts.videos, parts.storage)
    await publisher.preview(guess(tmp_path, 0.0))
    url = (await shown(client, account, claimed.id))["assets"]["preview"]
    if end == "failed":
        assert await parts.videos.fail(claimed, "bad_frames")
    else:
        await client.post(f"/v1/videos/{claimed.id}/cancel", headers=account.headers)
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
    assert (await shown(client, account, claimed.id))["assets"]["preview"] is None
    assert not await publisher.preview(guess(tmp_path, 1.0)), "a late one is not taken"


async def test_a_real_clip_plays_from_its_stream_before_it_is_done(web: httpx.AsyncClient, resident: Person) -> None:
    asked = {"prompt": "a red ball moves left", "seconds": 6, "size": "160x96"}
    video = (await web.post("/v1/videos", json=asked, headers=resident.headers)).json()
    early = ""
    async with web.stream("GET", f"/v1/videos/{video['id']}/events", headers=resident.headers, timeout=120) as events:
        async for line in events.aiter_lines():
            if '"stream":"http' in line and not early:
                early = (await web.get(f"/v1/videos/{video['id']}/stream.m3u8", headers=resident.headers)).text
    final = (await web.get(f"/v1/videos/{video['id']}/stream.m3u8", headers=resident.headers)).text
    assert early
    assert "ENDLIST" not in early
    assert final.startswith(early)
    assert final.endswith("#EXT-X-ENDLIST\n")
    head = final.split('#EXT-X-MAP:URI="')[1].split('"')[0]
    names = [head, *(line for line in final.splitlines() if not line.startswith("#"))]
    pieces = [(await web.get(f"/v1/videos/{video['id']}/{name}")).content for name in names]
    whole = (await web.get(f"/v1/videos/{video['id']}/content", headers=resident.headers)).content
    assert times(b"".join(pieces)) == times(whole)
    assert len(times(whole)) == 48


def times(film: bytes) -> list[float]:
    """When each frame is shown."""
    with av.open(io.BytesIO(film), "r") as container:
        return [round(float(frame.time or 0), 3) for frame in container.decode(video=0)]
