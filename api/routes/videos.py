"""Videos: make, list, read, watch, fetch, stop, delete. OpenAI's Videos API is a subset."""

import re
from math import ceil
from typing import Annotated, Any, cast

import msgspec
from litestar import Request, Response, Router, delete, get, post, route
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from litestar.types import ASGIApp

from api import body, idempotency, media, orders, pictures
from api.auth import Caller, requires
from api.billing import credits
from api.db import transaction
from api.errors import InsufficientCredits, NotFound, NotYet
from api.inputs import VideoCreate
from api.models import Deleted, Estimate, Page, Variant, Video
from api.openapi import EventStream, Feed, Files, bodies, per_method, problems, takes
from api.orders import refusal
from api.pages import After, Limit, Order, cursor, page
from api.parts import Parts
from api.sql.generations import Generation
from api.sql.idempotency import Answer
from api.videos import KIND, Repeat, Submission
from api.views import poll_headers

READ, WRITE = requires("videos:read"), requires("videos:write")
MAX_WAIT = 60
PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait(?:\s*=\s*\"?(\d{1,4})\"?)?\s*(?=$|[,;])", re.IGNORECASE)

Ask = Request[Caller, Any, State]


@post(
    "/",
    operation_id="create_video",
    summary="Create a video",
    status_code=200,
    guards=[WRITE],
    opt={"creates": True},
    responses=problems(400, 401, 402, 403, 409, 413, 415, 422, 429, 503),
    operation_class=bodies(VideoCreate, "Idempotency-Key", "Prefer"),
)
async def create_video(request: Ask, parts: NamedDependency[Parts]) -> Response[Video]:
    """Queue a clip and set its credits aside; nothing is charged unless it is made.

    Takes JSON or a form. With `n` above 1 the answer is the first variation and names all in `variations`.
    `Idempotency-Key` makes a repetition safe for 24 hours; `Prefer: wait=60` holds the answer until the clip is
    done.
    """
    asked = await body.read(request, VideoCreate)
    account = credits.account_of(request.user)
    order = orders.place(asked, account.plan, parts.settings)
    await parts.views.pace.refresh()
    reference = asked.input_reference
    submission = Submission(
        account=account,
        order=order,
        fingerprint=body.fingerprint(request.method, request.url.path, asked),
        key=idempotency.key_of(request.headers.get("idempotency-key")),
        retried=request.headers.get("x-stainless-retry-count", "0") not in ("", "0"),
        picture=None if reference is None else await pictures.read(reference, parts.settings.max_upload),
    )
    answer = await parts.videos.create(submission, lambda row: _answer(row, submission.fingerprint, parts))
    if (wait := _wait(request)) and (done := await _done(answer, account.id, wait, parts)):
        return done
    return cast("Response[Video]", _replied(answer))


async def _done(answer: Answer, user_id: str, wait: int, parts: Parts) -> Response[Video] | None:
    """The created video once it is done; None if it has been deleted since, when the first answer must do."""
    location = answer.headers["Location"]
    try:
        row = await parts.feeds.terminal(location.rpartition("/")[2], user_id, wait)
    except NotFound:
        return None
    shown = await _shown(row, parts)
    shown.headers["Location"] = location
    return shown


def _answer(row: Generation, fingerprint: bytes, parts: Parts) -> Answer:
    """The reply to a create, ready to be sent and to be kept."""
    video = parts.views.video(row)
    headers = {"Location": f"/v1/videos/{row.id}", **poll_headers(video)}
    return Answer(fingerprint=fingerprint, status=200, headers=headers, body=msgspec.json.encode(video))


def _replied(answer: Answer) -> Response[bytes]:
    return Response(answer.body, status_code=answer.status, headers=answer.headers, media_type="application/json")


async def _shown(row: Generation, parts: Parts) -> Response[Video]:
    await parts.views.pace.refresh()
    video = parts.views.video(row)
    return Response(video, headers=poll_headers(video), status_code=200)


def _wait(request: Ask) -> int:
    """Seconds the client is ready to wait, by `Prefer: wait` or `wait=60`."""
    match = PREFER_WAIT.search(request.headers.get("prefer", ""))
    return 0 if match is None else min(MAX_WAIT, int(match[1] or MAX_WAIT))


@get(
    "/",
    operation_id="list_videos",
    summary="List videos",
    guards=[READ],
    responses=problems(401, 403, 422, 429),
)
async def list_videos(
    request: Ask,
    parts: NamedDependency[Parts],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[Video]:
    """One's own videos, newest first unless asked otherwise."""
    await parts.views.pace.refresh()
    begin = cursor(after, KIND)
    rows = await parts.videos.page(request.user.user_id, begin, limit + 1, descending=order == "desc")
    return page([parts.views.video(row) for row in rows], limit)


@get(
    "/{video_id:str}",
    operation_id="get_video",
    summary="Get a video",
    guards=[READ],
    responses=problems(401, 403, 404, 429),
    operation_class=takes("Prefer"),
)
async def get_video(request: Ask, video_id: FromPath[str], parts: NamedDependency[Parts]) -> Response[Video]:
    """The video as it is now; with `Prefer: wait=60` as it is when it is done, or after so many seconds."""
    user_id = request.user.user_id
    if wait := _wait(request):
        return await _shown(await parts.feeds.terminal(video_id, user_id, wait), parts)
    return await _shown(await parts.videos.get(video_id, user_id), parts)


@delete(
    "/{video_id:str}",
    operation_id="delete_video",
    summary="Delete a video",
    status_code=200,
    guards=[WRITE],
    responses=problems(401, 403, 404, 429),
)
async def delete_video(request: Ask, video_id: FromPath[str], parts: NamedDependency[Parts]) -> Deleted:
    """Remove the video and its files for good. One that is still being made is cancelled first."""
    await parts.videos.delete(video_id, request.user.user_id)
    return Deleted(id=video_id, object="video.deleted")


@post(
    "/{video_id:str}/cancel",
    operation_id="cancel_video",
    summary="Cancel a video",
    status_code=200,
    guards=[WRITE],
    responses=problems(401, 403, 404, 409, 422, 429),
    operation_class=takes("Idempotency-Key"),
)
async def cancel_video(request: Ask, video_id: FromPath[str], parts: NamedDependency[Parts]) -> Response[Video]:
    """Stop a video and give back what it has not used; one that is done stays as it is. Safe to repeat."""
    key = idempotency.key_of(request.headers.get("idempotency-key"))
    repeat = Repeat(key, body.fingerprint(request.method, request.url.path)) if key else None
    return await _shown(await parts.videos.cancel(video_id, request.user.user_id, repeat), parts)


@post(
    "/estimate",
    operation_id="estimate_video",
    summary="Estimate a video",
    status_code=200,
    guards=[READ],
    responses=problems(400, 401, 403, 413, 415, 422, 429),
    operation_class=bodies(VideoCreate, "Idempotency-Key"),
)
async def estimate_video(request: Ask, parts: NamedDependency[Parts]) -> Estimate:
    """What a create with this body would cost and take. Nothing is stored, nothing is set aside."""
    asked = await body.read(request, VideoCreate)
    idempotency.key_of(request.headers.get("idempotency-key"))
    account = credits.account_of(request.user)
    if refusals := orders.refusals(asked, account.plan, parts.settings):
        return Estimate(credits=None, eta_seconds=None, refusals=refusals)
    order = orders.place(asked, account.plan, parts.settings)
    total = order.credits * asked.n
    async with transaction(parts.pool) as db:
        available = (await credits.balance(db, account)).available
    await parts.views.pace.refresh()
    work = parts.views.pace.work(order.served_by, asked.quality, asked.seconds, order.width, order.height)
    refusals = [] if total <= available else [refusal(InsufficientCredits(total, available))]
    return Estimate(credits=total, eta_seconds=ceil(work * asked.n), refusals=refusals)


@route(
    "/{video_id:str}/content",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=per_method(GET="get_video_content", HEAD="head_video_content"),
    summary="Download a rendition",
    guards=[READ],
    opt={"signature": True},
    responses=problems(401, 403, 404, 409, 410, 416, 422, 429),
    operation_class=Files,
)
async def get_video_content(
    request: Ask,
    video_id: FromPath[str],
    parts: NamedDependency[Parts],
    variant: Annotated[Variant, QueryParameter(description="Which rendition.")] = "video",
    expires: Annotated[int | None, QueryParameter(description="End of a signed URL, Unix seconds.")] = None,
    signature: Annotated[str | None, QueryParameter(description="Stands for the bearer.", max_length=128)] = None,
) -> ASGIApp:
    """The MP4, the poster, the thumbnail or the sprite sheet; whole or in part (`Range`), with validators."""
    caller = cast("Caller | None", request.user)
    user_id = media.reader(
        caller.user_id if caller else None, f"{video_id}/{variant}", expires, signature, parts.keyring
    )
    rendition = await media.find(parts.pool, video_id, variant, user_id)
    return media.respond(
        rendition,
        parts.storage.path(rendition.key),
        range_header=request.headers.get("range"),
        if_range=request.headers.get("if-range"),
        if_none_match=request.headers.get("if-none-match"),
    )


@get(
    "/{video_id:str}/events",
    operation_id="watch_video",
    summary="Watch a video",
    guards=[READ],
    responses=problems(401, 403, 404, 429),
    operation_class=EventStream,
)
async def watch_video(request: Ask, video_id: FromPath[str], parts: NamedDependency[Parts]) -> Stream:
    """Server-sent events, each the whole video: its present state at once, then every change until it is done."""
    user_id = request.user.user_id
    await parts.videos.get(video_id, user_id)
    return stream(parts.feeds.one(video_id, user_id))


@get(
    "/events",
    operation_id="watch_videos",
    summary="Watch all videos",
    guards=[READ],
    responses=problems(401, 403, 429),
    operation_class=Feed,
)
async def watch_videos(request: Ask, parts: NamedDependency[Parts]) -> Stream:
    """Server-sent events of all one's videos: what changed since `Last-Event-ID`, or what is not done, then changes."""
    return stream(parts.feeds.all(request.user.user_id, request.headers.get("last-event-id")))


def stream(frames: Any) -> Stream:
    """A response that proxies pass on as it comes."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(frames, media_type="text/event-stream", headers=headers)


@route(
    ["/characters", "/characters/{rest:path}", "/edits", "/extensions", "/{video_id:str}/remix"],
    http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.DELETE],
    include_in_schema=False,
    guards=[READ],
)
async def not_yet(request: Ask) -> None:
    """What OpenAI's clients also ask for: a problem that says so, where a bare 404 would look like a wrong URL."""
    raise NotYet(f"{request.url.path} is part of OpenAI's Videos API and not offered here yet.")


router = Router(
    path="/videos",
    route_handlers=[
        create_video,
        list_videos,
        get_video,
        delete_video,
        cancel_video,
        estimate_video,
        get_video_content,
        watch_video,
        not_yet,
    ],
    tags=["Videos"],
)
feed = Router(path="/", route_handlers=[watch_videos], tags=["Videos"])
