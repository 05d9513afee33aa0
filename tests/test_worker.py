"""A real worker with a real engine child on tiny weights, on a database of its own."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest
from PIL import Image, ImageChops
from safetensors.torch import load_file, save_file

from api import streams, worker
from api.db import transaction
from api.errors import HasFailed
from api.events import Announcer, Outbox
from api.inputs import PresetCreate, VideoCreate
from api.media import SUFFIXES
from api.orders import place
from api.parts import Parts
from api.queue import Bell, Listener
from api.settings import Settings
from api.sql import media as renditions
from api.sql.ledger import Account
from api.sql.streams import Segment, segments
from api.sweeper import Sweeper
from api.videos import Submission, Videos
from tests.rows import books, terms
from tests.test_feeds import following
from tests.test_video_routes import png
from tests.test_videos import balance, claim, create, drawn, person, submission

SHORT: dict[str, Any] = {"seconds": 1, "size": "64x64", "quality": "turbo"}
LONG: dict[str, Any] = {"seconds": 10, "size": "640x384", "quality": "full"}
PATIENCE = 60


@pytest.fixture
def worker_settings(real: Parts, weights: Path) -> Settings:
    return msgspec.structs.replace(
        real.settings, weights={"kinora-mini": str(weights)}, threads=1, lease=2.0, sweep_every=0.3
    )


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """A worker in this process, stopped in order at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.work(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def ended(parts: Parts, video_id: str, account: Account) -> str:
    row = await parts.feeds.terminal(video_id, account.id, PATIENCE)
    return f"{row.state}:{row.failure}" if row.failure else row.state


async def running(parts: Parts, video_id: str, account: Account, progress: float = 1) -> None:
    """Wait until the child has made some progress."""
    async with asyncio.timeout(PATIENCE), parts.hub.watch(account.id, video_id) as watcher:
        while (await parts.videos.get(video_id, account.id)).progress < progress:
            await watcher.take(1.0)


async def test_a_sentence_becomes_four_files(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    async with working(worker_settings):
        video_id = await create(real, account, **SHORT)
        assert await ended(real, video_id, account) == "completed"
    async with real.pool.acquire() as db:
        for variant in SUFFIXES:
            served = await renditions.find(db, video_id, variant)
            assert served
            assert served.key
            assert real.storage.path(served.key).stat().st_size == served.bytes
    assert not list((real.settings.data / "work").iterdir())
    await books(real.pool, account.id)


async def test_a_plan_that_marks_has_its_clips_marked(real: Parts, worker_settings: Settings) -> None:
    """The same clip twice: what differs is in the corner where the mark stands."""
    asked, posters = SHORT | {"size": "320x192", "seed": 7}, []
    async with working(worker_settings):
        for plan in ("free", "plus", "plus"):
            account = await person(real, plan)
            video_id = await create(real, account, **asked)
            assert await ended(real, video_id, account) == "completed"
            async with real.pool.acquire() as db:
                served = await renditions.find(db, video_id, "poster")
            assert served
            assert served.key
            posters.append(Image.open(real.storage.path(served.key)).convert("L"))
    marked, plain, again = posters
    assert plain.tobytes() == again.tobytes()
    box = ImageChops.difference(marked, plain).getbbox()
    assert box
    assert box[0] > marked.width / 2
    assert box[1] > marked.height / 2


async def test_cancelling_stops_the_child_and_the_next_job_runs(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    async with working(worker_settings):
        long = await create(real, account, **LONG)
        await running(real, long, account)
        short = await create(real, account, **SHORT)
        await real.videos.cancel(long, account.id)
        assert await ended(real, short, account) == "completed"
        assert await ended(real, long, account) == "cancelled"
    assert await balance(real, account) == (299, 0)
    await books(real.pool, account.id)


async def test_a_killed_child_costs_a_try_and_the_clip_is_made(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    async with working(worker_settings):
        video_id = await create(real, account, **(LONG | {"seconds": 4}))
        await running(real, video_id, account)
        os.kill(child_of_this_process(), signal.SIGKILL)
        assert await ended(real, video_id, account) == "completed"
    assert (await real.videos.get(video_id, account.id)).attempt == 2
    await books(real.pool, account.id)


async def test_a_killed_child_goes_on_after_what_is_published(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    async with working(worker_settings):
        video_id = await create(real, account, **(LONG | {"seconds": 6}))
        await published(real, video_id, account)
        before = await listed(real, video_id)
        os.kill(child_of_this_process(), signal.SIGKILL)
        assert await ended(real, video_id, account) == "completed"
    after = await listed(real, video_id)
    assert after[: len(before)] == before
    assert [piece.number for piece in after] == list(range(len(after)))
    assert {piece.attempt for piece in after} == {1, 2}
    assert not any(piece.discontinuity for piece in after), "had it begun anew, players would be told"
    heads = {real.storage.path(streams.key(video_id, f"{piece.head}.mp4")).read_bytes() for piece in after}
    pieces = [real.storage.path(streams.key(video_id, streams.piece(piece))).read_bytes() for piece in after]
    async with real.pool.acquire() as db:
        served = await renditions.find(db, video_id, "video")
    assert served
    assert served.key
    film = pictures(real.storage.path(served.key).read_bytes())
    assert len(film) == 48
    assert film == pictures(b"".join([*heads, *pieces])), "what was watched and what is kept are the same"
    await books(real.pool, account.id)


FULL_FOR_A_MOMENT = """
CREATE SEQUENCE tries;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= 2 THEN RAISE 'no room' USING ERRCODE = 'disk_full'; END IF;
    RETURN new;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON segments FOR EACH ROW EXECUTE FUNCTION refuse();
"""


async def test_a_last_piece_that_cannot_be_listed_at_once_is_listed_before_the_playlist_ends(
    real: Parts, worker_settings: Settings
) -> None:
    account = await person(real)
    async with real.pool.acquire() as db:
        await db.execute(FULL_FOR_A_MOMENT)
    async with working(worker_settings):
        video_id = await create(real, account, **SHORT)
        assert await ended(real, video_id, account) == "completed"
    assert sum(piece.seconds for piece in await listed(real, video_id)) == 1
    assert (await real.videos.get(video_id, account.id)).attempt == 1


async def test_a_guess_reaches_who_watches_before_the_first_piece(
    real: Parts, worker_settings: Settings, weights: Path
) -> None:
    slow = "ltx-video-2b-0.9.5"
    serving = msgspec.structs.replace(worker_settings, models=[slow], weights={slow: str(weights)})
    account = await person(real)
    asked = VideoCreate(prompt="a red ball", model=slow, seconds=2, size="768x512")
    order = place(asked, terms(account.plan), serving)
    await real.videos.create(Submission(account.id, order, b"", key=None, retried=False, pictures=[]), drawn(real))
    [row] = await real.videos.page(account.id, None, 1, descending=True)
    async with working(serving), aclosing(real.feeds.one(row.id, account.id)) as events:
        async with asyncio.timeout(PATIENCE):
            while (assets := shown(await following(events)))["preview"] is None:
                assert assets["stream"] is None
        key = streams.key(row.id, assets["preview"].partition("?")[0].rpartition("/")[2])
        with Image.open(real.storage.path(key)) as image:
            assert (image.format, image.size) == ("JPEG", (320, 213))
        await real.videos.cancel(row.id, account.id)
        assert await ended(real, row.id, account) == "cancelled"
    assert real.views.video(await real.videos.get(row.id, account.id)).assets.preview is None
    assert await balance(real, account) == (300, 0), "a guess is not charged for"


def shown(events: list[dict[str, str]]) -> dict[str, Any]:
    """The assets in the last of these events."""
    return dict(msgspec.json.decode(events[-1]["data"])["assets"])


async def test_a_refused_stretch_withdraws_what_was_published_and_the_worker_lives(
    real: Parts, worker_settings: Settings
) -> None:
    account = await person(real)
    async with working(msgspec.structs.replace(worker_settings, frame_rules="tests.judges:refuse_the_second")):
        video_id = await create(real, account, **(LONG | {"seconds": 6}))
        await published(real, video_id, account)
        assert await ended(real, video_id, account) == "failed:refused_frames"
        assert await ended(real, await create(real, account, **SHORT), account) == "completed"
    row = await real.videos.get(video_id, account.id)
    video = real.views.video(row)
    assert (row.attempt, video.assets.stream, video.assets.preview) == (1, None, None)
    assert video.failure
    assert (video.failure.retryable, video.failure.refunded) == (False, True)
    with pytest.raises(HasFailed):
        await streams.find(real.pool, video_id, account.id)
    assert await balance(real, account) == (299, 0)
    await books(real.pool, account.id)


async def published(parts: Parts, video_id: str, account: Account) -> None:
    """Wait until there is something to watch."""
    async with asyncio.timeout(PATIENCE), parts.hub.watch(account.id, video_id) as watcher:
        while not (await parts.videos.get(video_id, account.id)).published_seconds:
            await watcher.take(1.0)


async def listed(parts: Parts, video_id: str) -> list[Segment]:
    async with parts.pool.acquire() as db:
        return await segments(db, video_id)


def pictures(film: bytes) -> list[tuple[int | None, bytes]]:
    """When each frame is shown, and what it shows."""
    with av.open(io.BytesIO(film), "r") as container:
        return [(frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]


async def test_what_was_kept_to_go_on_goes_when_nobody_will(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    queued = await create(real, account, **SHORT)
    media = real.settings.data / "media"
    folders = [media / kind / name for name in (queued, "video_unknown") for kind in ("streams", "latents")]
    for folder in folders:
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
    await sweeper_of(real, worker_settings).clean()
    assert [folder.exists() for folder in folders] == [True, True, False, False]
    await real.videos.delete(queued, account.id)
    await sweeper_of(real, worker_settings).sweep()
    assert not [folder for folder in folders if folder.exists()]


async def test_a_worker_that_stops_gives_its_job_back(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    async with working(worker_settings):
        video_id = await create(real, account, **LONG)
        await running(real, video_id, account)
    row = await real.videos.get(video_id, account.id)
    assert (row.state, row.attempt) == ("queued", 1)
    async with real.pool.acquire() as db:
        assert await db.fetchval("SELECT tries + losses FROM generations WHERE id = $1", video_id) == 0


async def test_a_job_that_takes_too_long_is_stopped_and_released(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    impatient = msgspec.structs.replace(worker_settings, job_timeout=0.5, max_tries=1)
    async with working(impatient):
        video_id = await create(real, account, **LONG)
        assert await ended(real, video_id, account) == "failed:timed_out"
    assert await balance(real, account) == (300, 0)


async def test_missing_weights_are_a_named_failure(real: Parts, worker_settings: Settings, tmp_path: Path) -> None:
    account = await person(real)
    lost = msgspec.structs.replace(worker_settings, weights={"kinora-mini": str(tmp_path / "nowhere")})
    async with working(lost):
        video_id = await create(real, account, **SHORT)
        assert await ended(real, video_id, account) == "failed:model_missing"
        row = await real.videos.get(video_id, account.id)
    shown = real.views.video(row)
    assert shown.failure
    assert shown.failure.refunded
    assert await balance(real, account) == (300, 0)


def poisoned(folder: Path) -> None:
    """Weights whose pictures are no numbers."""
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["decoder.conv_out.conv.bias"].fill_(float("nan"))
    save_file(tensors, file, {"format": "pt"})


def cut_off(folder: Path) -> None:
    """A file of weights that was not copied to its end."""
    os.truncate(folder / "transformer" / "diffusion_pytorch_model.safetensors", 1000)


@pytest.mark.parametrize(
    ("spoil", "wrong", "failure"),
    [
        (poisoned, {}, "bad_frames"),
        (cut_off, {}, "model_broken"),
        (None, {"loras": {"ink": "/nowhere/ink"}}, "lora_missing"),
        (None, {"offload": "group", "device": "cpu"}, "bad_setting"),
    ],
)
async def test_what_goes_wrong_has_a_name_is_paid_back_and_the_worker_lives(
    real: Parts,
    worker_settings: Settings,
    weights: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None] | None,
    wrong: dict[str, Any],
    failure: str,
) -> None:
    account, asked = await person(real), dict(SHORT)
    folder = shutil.copytree(weights, tmp_path / "weights")
    if spoil:
        spoil(folder)
    own: dict[str, str] = {"kinora-mini": str(folder), "ltx-video-2b": str(weights)}
    changed = msgspec.structs.replace(
        worker_settings, weights=own, models=["kinora-mini", "ltx-video-2b"], max_tries=1, **wrong
    )
    if "loras" in wrong:
        asked["loras"] = [{"name": "ink"}]
    served = real._replace(settings=changed)
    async with working(changed):
        first = await create(served, account, **asked)
        assert await ended(real, first, account) == f"failed:{failure}"
        second = await create(served, account, **{**SHORT, "model": "ltx-video-2b", "size": "256x256"})
        everywhere = failure == "bad_setting"
        assert await ended(real, second, account) == (f"failed:{failure}" if everywhere else "completed")
    assert (await real.videos.get(first, account.id)).settled == 0
    await books(real.pool, account.id)


async def test_work_whose_ring_was_lost_is_found_by_the_sweeper(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    async with working(worker_settings):
        first = await create(real, account, **SHORT)
        assert await ended(real, first, account) == "completed"
        second = await create(real, account, **SHORT)
        await real.redis.flushdb()
        assert await ended(real, second, account) == "completed"


async def test_a_lease_that_ran_out_goes_back_and_too_many_losses_end_it(
    real: Parts, worker_settings: Settings
) -> None:
    account = await person(real)
    video_id = await create(real, account, **SHORT)
    for losses in range(worker_settings.max_losses):
        claimed = await real.videos.claim("worker_lost")
        assert claimed
        assert claimed.attempt == losses + 1
        async with transaction(real.pool) as db:
            await db.execute("UPDATE generations SET lease_until = now() - interval '1 second'")
        await sweeper_of(real, msgspec.structs.replace(worker_settings, lease=0.0)).sweep()
    assert await ended(real, video_id, account) == "failed:worker_lost"
    assert await balance(real, account) == (300, 0)


async def test_files_past_their_time_go(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    async with working(worker_settings):
        video_id = await create(real, account, **SHORT)
        assert await ended(real, video_id, account) == "completed"
    async with transaction(real.pool) as db:
        await db.execute("UPDATE generations SET expires_at = now() - interval '1 second'")
    await sweeper_of(real, worker_settings).sweep()
    assert not list((real.settings.data / "media" / "videos").iterdir())
    assert (await real.videos.get(video_id, account.id)).variants == []


async def test_files_that_nothing_names_go(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    running = await create(real, account, **SHORT)
    assert (await claim(real)).attempt == 1
    data = real.settings.data
    asked = PresetCreate(name="Ours", prompt="flat colours")
    kept = (await real.presets.create(account.id, asked, png(), None, b"")).id
    going = [data / "work" / f"{running}.0", data / "media" / "inputs" / "video_unknown"]
    going += [data / "media" / "videos" / running / "0", data / "media" / "videos" / "video_unknown" / "1"]
    going += [data / "media" / "presets" / "preset_unknown", data / "work" / "upload_left"]
    staying = [
        data / "media" / "presets" / kept,
        data / "media" / "inputs" / running,
        data / "media" / "videos" / running / "1",
    ]
    young = data / "work" / f"{running}.1"
    for folder in (*going, *staying, young):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (*going, *staying):
        os.utime(folder, (0, 0))
    await sweeper_of(real, worker_settings).clean()
    assert not [folder for folder in going if folder.exists()]
    assert all(folder.exists() for folder in (*staying, young))


async def test_variations_keep_their_picture_when_one_is_deleted(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    asked = submission(real, account, picture=png(), n=2, **SHORT)
    await real.videos.create(asked, drawn(real))
    first, second = await real.videos.page(account.id, None, 2, descending=False)
    await real.videos.delete(first.id, account.id)
    await sweeper_of(real, worker_settings).sweep()
    async with working(worker_settings):
        assert await ended(real, second.id, account) == "completed"


async def test_a_job_in_trouble_is_released_and_the_worker_lives(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    patient = msgspec.structs.replace(worker_settings, max_tries=1)
    asked = submission(real, account, picture=png(), **SHORT)
    await real.videos.create(asked, drawn(real))
    [lost] = await real.videos.page(account.id, None, 1, descending=True)
    real.storage.remove(f"inputs/{lost.id}")
    async with working(patient):
        assert await ended(real, lost.id, account) == "failed:internal"
        assert await ended(real, await create(real, account, **SHORT), account) == "completed"
    await books(real.pool, account.id)


async def test_stale_wake_ups_do_not_eat_fresh_ones(real: Parts) -> None:
    outbox, idle, heard = Outbox(real.redis), asyncio.Event(), asyncio.Semaphore(0)
    bell = Bell(real.redis, outbox)
    idle.set()

    async def look() -> None:
        heard.release()

    bell.ring("default", 12)
    await outbox.drain()
    await real.redis.delete(*await real.redis.keys("arq:job:*"), "kinora:bell:default")
    listener = asyncio.create_task(Listener(real.settings.redis_url, "default", look, idle).main())
    try:
        for _ in range(3):
            bell.ring("default")
            await asyncio.wait_for(heard.acquire(), PATIENCE)
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


async def test_a_lot_may_expire_twice(real: Parts, worker_settings: Settings) -> None:
    account = await person(real)
    async with transaction(real.pool) as db:
        await db.execute("UPDATE lots SET expires_at = now() - interval '1 second', key = key || ':past'")
    await sweeper_of(real, worker_settings).sweep()
    async with transaction(real.pool) as db:
        lot = await db.fetchval("SELECT id FROM lots WHERE user_id = $1", account.id)
        await db.execute("UPDATE lots SET remaining = 5 WHERE id = $1", lot)
    await sweeper_of(real, worker_settings).sweep()
    assert (await balance(real, account))[0] == 300


def sweeper_of(parts: Parts, settings: Settings) -> Sweeper:
    """The sweeping side of a worker, to be called by hand."""
    outbox = Outbox(parts.redis)
    bell = Bell(parts.redis, outbox)
    videos = Videos(settings, parts.pool, parts.storage, parts.credits, bell, Announcer(outbox))
    return Sweeper(settings=settings, pool=parts.pool, storage=parts.storage, videos=videos, bell=bell)


def child_of_this_process() -> int:
    """The engine child's process id: the forkserver is our child, and the engine is the forkserver's."""
    forkserver = next(pid for pid in children(os.getpid()) if b"forkserver" in command_line(pid))
    return children(forkserver)[0]


async def child_of(pid: int) -> int:
    """The forkserver that this process starts, as soon as it does."""
    async with asyncio.timeout(PATIENCE):
        while not (found := [child for child in children(pid) if b"forkserver" in command_line(child)]):  # noqa: ASYNC110 (/proc tells nobody)
            await asyncio.sleep(0.01)
    return found[0]


def children(pid: int) -> list[int]:
    """Of all its threads."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.xdist_group("backend")
async def test_a_worker_told_to_stop_while_it_starts_stops_at_once(worker_settings: Settings) -> None:
    environment = os.environ | worker_settings.environment()
    command = (sys.executable, "-m", "api.cli", "worker")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
    forkserver = os.pidfd_open(await child_of(process.pid))
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(forkserver, gone.set)
    await asyncio.wait_for(gone.wait(), PATIENCE)
    asyncio.get_running_loop().remove_reader(forkserver)
    os.close(forkserver)
