"""A playlist only grows, whatever becomes of the attempts: its text, and how pieces come to be listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.http.state import AppState
from api.sql.leases import ClaimedGeneration
from api.sql.segments import SegmentRow, StreamRow
from api.videos import hls
from api.worker.segment_publisher import SegmentPublisher
from engine.planning.plan import longest_segment_seconds
from engine.planning.timeline import plan_clip
from tests.support.segments import REQUEST, make_segment
from tests.support.users import Person

NOW = datetime.now(UTC)
QUERY = "?expires=1&signature=x"


def listed(*seconds: float, attempt: int = 1, head: str = "a" * 16) -> list[SegmentRow]:
    return [SegmentRow(number=number, attempt=attempt, head=head, seconds=each) for number, each in enumerate(seconds)]


def stream(state: Any = "in_progress") -> StreamRow:
    return StreamRow(user_id="u", kind="video", state=state, failure=None, created_at=NOW, purged_at=None)


def test_a_playlist_only_grows() -> None:
    pieces = listed(1.125, 2.0, 2.0, 2.875)
    texts = [hls.build_playlist(stream(), pieces[:count], QUERY) for count in range(1, 5)]
    texts.append(hls.build_playlist(stream("completed"), pieces, QUERY))
    for shorter, longer in pairwise(texts):
        assert longer.startswith(shorter)
    assert "ENDLIST" not in texts[-2]
    assert texts[-1].endswith("#EXT-X-ENDLIST\n")


def test_a_playlist_says_what_players_want_to_know() -> None:
    lines = hls.build_playlist(stream(), listed(1.125, 2.0), QUERY).splitlines()
    assert lines[:2] == ["#EXTM3U", "#EXT-X-VERSION:7"]
    assert "#EXT-X-TARGETDURATION:3" in lines
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in lines
    assert "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES" in lines, "or who comes late misses the beginning"
    assert f'#EXT-X-MAP:URI="stream/{"a" * 16}.mp4{QUERY}"' in lines
    assert lines[-4:] == ["#EXTINF:1.125000,", f"stream/1-0.m4s{QUERY}", "#EXTINF:2.000000,", f"stream/1-1.m4s{QUERY}"]


LONGEST = longest_segment_seconds(plan_clip(REQUEST))
PACES = [(None, ceil(LONGEST)), (1.0, ceil(LONGEST)), (30.0, ceil(30 * min(1, LONGEST / 3))), (10_000.0, 120)]
"""Seconds estimated for the rest, when one of four seconds is published, and the target duration."""


@pytest.mark.parametrize(("estimate", "target"), PACES)
async def test_players_look_again_as_often_as_segments_come(
    client: httpx.AsyncClient,
    app_state: AppState,
    account: Person,
    claimed_job: ClaimedGeneration,
    tmp_path: Path,
    estimate: float | None,
    target: int,
) -> None:
    """RFC 8216: no segment is longer, the next one comes within half as much again, and it never changes."""
    publisher = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    if estimate is not None:
        await app_state.lifecycle.report_progress(claimed_job, 20, estimate)
    for index in range(3):
        await publisher.publish_segment(make_segment(tmp_path, index))
        await app_state.lifecycle.report_progress(claimed_job, 50 + index, 2.0)
        playlist = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
        assert f"#EXT-X-TARGETDURATION:{target}\n" in playlist.text


def test_another_head_is_announced() -> None:
    first, second = listed(2.0, 2.0)
    other = SegmentRow(number=1, attempt=2, head="b" * 16, seconds=2.0)
    lines = hls.build_playlist(stream(), [first, other], QUERY).splitlines()
    assert lines.index("#EXT-X-DISCONTINUITY") < lines.index(f'#EXT-X-MAP:URI="stream/{"b" * 16}.mp4{QUERY}"')
    assert "#EXT-X-DISCONTINUITY" not in hls.build_playlist(stream(), [first, second], QUERY)


async def interrupted(
    client: httpx.AsyncClient, app_state: AppState, account: Person, first: SegmentPublisher, folder: Path
) -> str:
    """Two pieces are published when their attempt is given back; the playlist then."""
    for index in range(2):
        assert await first.publish_segment(make_segment(folder, index, "of the first"))
    claimed_job = first._job
    text = (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)).text
    assert await app_state.lifecycle.return_to_queue(claimed_job)
    return text


async def test_the_next_attempt_goes_on_where_the_playlist_ends(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    first = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    assert await first.load_resume_point() is None
    before = await interrupted(client, app_state, account, first, tmp_path)
    again = await app_state.lifecycle.claim("worker_b")
    assert again
    second = SegmentPublisher(again, REQUEST, app_state.lifecycle, app_state.storage)
    resume = await second.load_resume_point()
    assert resume
    assert [piece.file.read_bytes() for piece in resume.segments] == [b"piece 0 of the first", b"piece 1 of the first"]
    assert {piece.init_file.read_bytes() for piece in resume.segments} == {b"head"}
    assert resume.state.read_bytes() == b"state 1"
    assert list(resume.state.parent.iterdir()) == [resume.state], "no earlier state is of use to anybody"

    for index in range(2, 4):
        assert await second.publish_segment(make_segment(tmp_path, index, "of the second"))
    assert not await first.publish_segment(make_segment(tmp_path, 2, "too late"))
    after = (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)).text
    assert after.startswith(before)
    assert "DISCONTINUITY" not in after
    assert [uri.partition("?")[0] for uri in after.splitlines() if "m4s" in uri] == [
        "stream/1-0.m4s", "stream/1-1.m4s", "stream/2-2.m4s", "stream/2-3.m4s",
    ]  # fmt: skip
    assert after.count("#EXTINF:1.000000,") == 4
    piece = await client.get(f"/v1/videos/{claimed_job.id}/stream/2-2.m4s", headers=account.headers)
    assert piece.content == b"piece 2 of the second"


async def test_an_attempt_that_had_to_begin_anew_appends_the_rest_and_says_so(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    first = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    before = await interrupted(client, app_state, account, first, tmp_path)
    again = await app_state.lifecycle.claim("worker_b")
    assert again
    second = SegmentPublisher(again, REQUEST, app_state.lifecycle, app_state.storage)
    for index in range(4):
        assert await second.publish_segment(make_segment(tmp_path, index, "of the second"))
    after = (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)).text
    assert after.startswith(before)
    lines = [line.partition("?")[0] for line in after.removeprefix(before).splitlines()]
    assert lines == [
        "#EXT-X-DISCONTINUITY", "#EXTINF:1.000000,", "stream/2-2.m4s", "#EXTINF:1.000000,", "stream/2-3.m4s",
    ]  # fmt: skip


async def test_segments_cut_otherwise_leave_no_hole(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    first = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    before = await interrupted(client, app_state, account, first, tmp_path)
    again = await app_state.lifecycle.claim("worker_b")
    assert again
    second = SegmentPublisher(again, REQUEST, app_state.lifecycle, app_state.storage)
    for index, ends in enumerate((1.5, 3.0, 4.0)):
        assert await second.publish_segment(replace(make_segment(tmp_path, index), seconds_done=ends))
    after = (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)).text
    lines = [line.partition("?")[0] for line in after.removeprefix(before).splitlines()]
    assert lines == [
        "#EXT-X-DISCONTINUITY", "#EXTINF:1.500000,", "stream/2-2.m4s", "#EXTINF:1.000000,", "stream/2-3.m4s",
    ]  # fmt: skip
