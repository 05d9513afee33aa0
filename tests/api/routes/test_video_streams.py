"""Watching a clip while it is made: who may, and how its playlist and pieces are sent."""

from __future__ import annotations

import io
from pathlib import Path

import av
import httpx
import pytest

from api.http.state import AppState
from api.sql.leases import ClaimedGeneration
from api.worker.segment_publisher import SegmentPublisher
from tests.support.segments import REQUEST, get_video, make_preview, make_segment
from tests.support.users import Person, sign_up


async def test_what_is_published_can_be_watched_with_one_signature(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    assert (await get_video(client, account, claimed_job.id))["assets"]["stream"] is None
    early = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert (early.status_code, early.json()["error"]["code"]) == (409, "not_ready")

    publisher = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    for index in range(2):
        assert await publisher.publish_segment(make_segment(tmp_path, index))
    url = httpx.URL((await get_video(client, account, claimed_job.id))["assets"]["stream"])
    answer = await client.get(f"{url.path}?{url.query.decode()}")
    assert answer.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert answer.headers["cache-control"] == "no-store", "what a cache keeps is soon too short"
    uris = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert len(uris) == 2
    for index, uri in enumerate(uris):
        piece = await client.get(str(httpx.URL(f"http://test{url.path}").join(uri)))
        assert (piece.status_code, piece.content) == (200, f"piece {index} ".encode())
        assert piece.headers["content-type"] == "video/mp4"
    head = answer.text.split('#EXT-X-MAP:URI="')[1].split('"')[0]
    assert (await client.get(str(httpx.URL(f"http://test{url.path}").join(head)))).content == b"head"


async def test_players_may_look_before_they_read(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    publisher = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    await publisher.publish_segment(make_segment(tmp_path, 0))
    await publisher.publish_preview(make_preview(tmp_path, 2.0))
    for name in ("stream.m3u8", "stream/1-0.m4s", "preview/1-0.jpg"):
        url = f"/v1/videos/{claimed_job.id}/{name}"
        head, whole = [await client.request(how, url, headers=account.headers) for how in ("HEAD", "GET")]
        assert (head.status_code, head.content) == (200, b""), name
        told = [{k: v for k, v in each.headers.items() if k != "x-request-id"} for each in (head, whole)]
        assert told[0] == told[1]
        assert int(head.headers["content-length"]) == len(whole.content) > 0
        assert (await client.head(url)).status_code == 401
    missing = await client.head(f"/v1/videos/{claimed_job.id}/stream/1-9.m4s", headers=account.headers)
    assert missing.status_code == 404


async def test_a_segment_is_sent_in_ranges_and_kept_by_caches(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    await SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage).publish_segment(
        make_segment(tmp_path, 0)
    )
    url = httpx.URL((await get_video(client, account, claimed_job.id))["assets"]["stream"])
    piece = f"{url.path.removesuffix('.m3u8')}/1-0.m4s?{url.query.decode()}"

    async def get(**headers: str) -> httpx.Response:
        return await client.get(piece, headers={name.replace("_", "-"): value for name, value in headers.items()})

    whole = await get()
    assert (whole.headers["accept-ranges"], whole.headers["cache-control"]) == (
        "bytes", "private, max-age=86400, immutable",
    )  # fmt: skip
    probe = await get(range="bytes=0-1")
    assert (probe.status_code, probe.content) == (206, b"pi")
    assert probe.headers["content-range"] == f"bytes 0-1/{len(whole.content)}"
    rest = await get(range="bytes=2-", if_range=whole.headers["etag"])
    assert (rest.status_code, b"pi" + rest.content) == (206, whole.content)
    assert (await get(range="bytes=2-", if_range='"1-1.m4s"')).status_code == 200
    assert (await get(range="bytes=99-")).status_code == 416
    assert (await get(if_none_match=whole.headers["etag"])).status_code == 304


async def test_a_signature_opens_its_own_stream_and_nothing_else(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    await SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage).publish_segment(
        make_segment(tmp_path, 0)
    )
    url = httpx.URL((await get_video(client, account, claimed_job.id))["assets"]["stream"])
    signed = url.query.decode()
    other = (await client.post("/v1/videos", json={"prompt": "a ball"}, headers=account.headers)).json()["id"]
    assert (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8?{signed}")).status_code == 200
    assert (await client.get(f"/v1/videos/{other}/stream.m3u8?{signed}")).status_code == 401
    assert (await client.get(f"/v1/videos/{claimed_job.id}/content?{signed}")).status_code == 401
    assert (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8")).status_code == 401
    stranger = await sign_up(client)
    for end in ("stream.m3u8", "stream/1-0.m4s"):
        assert (await client.get(f"/v1/videos/{claimed_job.id}/{end}", headers=stranger.headers)).status_code == 404
        assert (await client.get(f"/v1/videos/{claimed_job.id}/{end}", headers=account.headers)).status_code == 200
    for piece in ("1-7.m4s", "..%2F..%2Fvideo.mp4", "x", "1-0.m4s%00"):
        answer = await client.get(f"/v1/videos/{claimed_job.id}/stream/{piece}", headers=account.headers)
        assert answer.status_code == 404, piece


async def test_a_stream_is_charged_for_as_far_as_it_could_be_watched(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    await SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage).publish_segment(
        make_segment(tmp_path, 0)
    )
    cost = (await get_video(client, account, claimed_job.id))["cost"]["credits"]
    await client.post(f"/v1/videos/{claimed_job.id}/cancel", headers=account.headers)
    assert (await get_video(client, account, claimed_job.id))["cost"] == {
        "credits": cost / 4,
        "state": "settled",
        "relaxed": False,
    }
    playlist = (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)).text
    assert playlist.endswith("#EXT-X-ENDLIST\n"), "what was paid for can be watched"


async def test_a_file_says_whether_it_is_signed(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration
) -> None:
    assert (await get_video(client, account, claimed_job.id))["provenance"] == {"state": "pending"}
    assert await app_state.lifecycle.complete(claimed_job, [])
    assert (await get_video(client, account, claimed_job.id))["provenance"] == {"state": "unsigned"}


@pytest.mark.xdist_group("backend")
async def test_a_real_clip_plays_from_its_stream_before_it_is_done(
    backend_client: httpx.AsyncClient, backend_user: Person
) -> None:
    asked = {"prompt": "a red ball moves left", "seconds": 6, "size": "160x96"}
    video = (await backend_client.post("/v1/videos", json=asked, headers=backend_user.headers)).json()
    early = ""
    async with backend_client.stream(
        "GET", f"/v1/videos/{video['id']}/events", headers=backend_user.headers, timeout=120
    ) as events:
        async for line in events.aiter_lines():
            if '"stream":"http' in line and not early:
                early = (
                    await backend_client.get(f"/v1/videos/{video['id']}/stream.m3u8", headers=backend_user.headers)
                ).text
    final = (await backend_client.get(f"/v1/videos/{video['id']}/stream.m3u8", headers=backend_user.headers)).text
    assert early
    assert "ENDLIST" not in early
    assert final.startswith(early)
    assert final.endswith("#EXT-X-ENDLIST\n")
    looked = await backend_client.head(f"/v1/videos/{video['id']}/stream.m3u8", headers=backend_user.headers)
    assert (looked.status_code, int(looked.headers["content-length"])) == (200, len(final))
    head = final.split('#EXT-X-MAP:URI="')[1].split('"')[0]
    names = [head, *(line for line in final.splitlines() if not line.startswith("#"))]
    pieces = [(await backend_client.get(f"/v1/videos/{video['id']}/{name}")).content for name in names]
    whole = (await backend_client.get(f"/v1/videos/{video['id']}/content", headers=backend_user.headers)).content
    assert times(b"".join(pieces)) == times(whole)
    assert len(times(whole)) == 48


def times(film: bytes) -> list[float]:
    """When each frame is shown."""
    with av.open(io.BytesIO(film), "r") as container:
        return [round(float(frame.time or 0), 3) for frame in container.decode(video=0)]


async def test_an_event_source_stops_reconnecting_after_the_last_event(
    client: httpx.AsyncClient, account: Person
) -> None:
    """It opens the stream again whenever it ends, until an answer is 204."""
    made = [await client.post("/v1/videos", json={"prompt": "x"}, headers=account.headers) for _ in range(2)]
    ours, other = [answer.json()["id"] for answer in made]
    for video_id in (ours, other):
        await client.post(f"/v1/videos/{video_id}/cancel", headers=account.headers)

    async def reconnect(last_event_id: str | None) -> httpx.Response:
        headers = {"last-event-id": last_event_id} if last_event_id is not None else {}
        return await client.get(f"/v1/videos/{ours}/events", headers=account.headers | headers)

    first = await reconnect(None)
    last_event_id = first.text.split("id: ")[1].split("\n")[0]
    over = await reconnect(last_event_id)
    assert (first.status_code, over.status_code, over.content) == (200, 204, b"")
    elsewhere = f"{last_event_id.partition('-')[0]}-{other}"
    for seen in (f"1-{ours}", elsewhere, "nonsense", ""):
        again = await reconnect(seen)
        assert (again.status_code, last_event_id in again.text) == (200, True), "what it has not seen is sent"
