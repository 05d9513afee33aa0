"""Routes that create videos. OpenAI's Videos API is a subset."""

from collections.abc import Callable, Collection
from math import ceil
from typing import Any

import msgspec
from litestar import Response, Router, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from api import idempotency
from api.billing.ledger.credits import SpendableCredits
from api.errors import InsufficientCredits, Invalid
from api.http import body
from api.http.authentication import requires
from api.http.openapi.operations import any_of, bodies, problems
from api.http.requests import UserRequest
from api.http.state import AppState
from api.schemas.video_requests import (
    Making,
    VideoBlend,
    VideoCreate,
    VideoEdit,
    VideoExtension,
    VideoLoop,
    VideoRecut,
    VideoRemix,
)
from api.schemas.videos import Estimate, Refusal, Video
from api.sql.connection import transaction
from api.videos import quote, spec
from api.videos.create import made, terms
from api.videos.quote import refusal

READ, WRITE = requires("videos:read"), requires("videos:write")
HEADERS = ("Idempotency-Key", "Prefer")
REFUSALS = problems(400, 401, 402, 403, 404, 409, 410, 413, 415, 422, 429, 503)
WANTED = "The body of any request that creates a video or an image; its fields tell which request is meant."
BODIES = (VideoCreate, VideoRemix, VideoEdit, VideoExtension, VideoRecut, VideoBlend, VideoLoop)


def making(path: str, kind: type[Making], *, operation_id: str, summary: str) -> Callable[[Any], HTTPRouteHandler]:
    """A route that makes a video of what a body of this kind asks."""
    return post(
        path,
        operation_id=operation_id,
        summary=summary,
        status_code=200,
        guards=[WRITE],
        opt={"creates": True},
        responses=REFUSALS,
        operation_class=bodies(kind, *HEADERS),
    )


@making("/", VideoCreate, operation_id="create_video", summary="Create a video")
async def create_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Queue a video and hold its credits. Credits are charged only for what is generated.

    With `n` above 1, the response is the first variation and lists all ids in `variations`. With `Prefer: wait=60` it
    is sent once the video is finished, or after 60 seconds.
    """
    return await made(request, app_state, await body.read(request, VideoCreate))


@making("/{video_id:str}/remix", VideoRemix, operation_id="remix_video", summary="Remix a video")
async def remix_video(
    request: UserRequest, video_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[Video]:
    """Generate a video again with another prompt. A `subtle` remix keeps most of the source, a `strong` one little."""
    asked = await body.read(request, VideoRemix)
    if asked.video is not None:
        raise Invalid("The path names the video to remix; leave `video` out.", param="video")
    return await made(request, app_state, msgspec.structs.replace(asked, video=video_id))


@making("/edits", VideoEdit, operation_id="edit_video", summary="Edit a video")
async def edit_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Change what the prompt describes differently from the source's own prompt, and keep the rest."""
    return await made(request, app_state, await body.read(request, VideoEdit))


@making("/extensions", VideoExtension, operation_id="extend_video", summary="Extend a video")
async def extend_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Extend a video at its end or its beginning. The result is the whole video; only the added seconds are charged."""
    return await made(request, app_state, await body.read(request, VideoExtension))


@making("/recuts", VideoRecut, operation_id="recut_video", summary="Re-cut a video")
async def recut_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Keep parts of a video and generate the rest anew."""
    return await made(request, app_state, await body.read(request, VideoRecut))


@making("/blends", VideoBlend, operation_id="blend_videos", summary="Blend two videos")
async def blend_videos(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Generate a video that begins as one video and ends as another."""
    return await made(request, app_state, await body.read(request, VideoBlend))


@making("/loops", VideoLoop, operation_id="loop_video", summary="Loop a video")
async def loop_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Turn a video into a seamless loop."""
    return await made(request, app_state, await body.read(request, VideoLoop))


@post(
    "/estimate",
    operation_id="estimate_video",
    summary="Estimate a video",
    status_code=200,
    guards=[READ],
    opt={"creates": True},
    responses=problems(400, 401, 403, 404, 409, 410, 413, 415, 422, 429),
    operation_class=any_of("EstimateCreate", WANTED, BODIES, "Idempotency-Key"),
)
async def estimate_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Estimate:
    """Return the cost and duration of a request that creates a video, given its body. Nothing is stored or held.

    The fields tell which request is meant: `video` and `prompt` alone are an edit, with `strength` a remix, with
    `length` a loop.
    """
    asked = await body.read(request, _kind)
    idempotency.key_of(request.headers.get("idempotency-key"))
    user_id = request.user.user_id
    async with app_state.sources.found(spec.references(asked), user_id) as footage:
        style = await app_state.presets.style(asked.preset, user_id)
        try:
            order = quote.place(asked, terms(request, app_state), app_state.settings, footage, style)
        except quote.REFUSING as problem:
            return Estimate(credits=None, relaxed=False, eta_seconds=None, refusals=[refusal(problem)])
    async with transaction(app_state.pool) as db:
        purse = await app_state.credits.lock_spendable(db, user_id)
    await app_state.views.pace.refresh()
    work = app_state.views.pace.work(order.served_by, asked.quality, order.generated, order.width, order.height)
    relaxed, refusals = _means(purse, order.total)
    credits = 0 if relaxed else order.total
    return Estimate(credits=credits, relaxed=relaxed, eta_seconds=ceil(work * asked.n), refusals=refusals)


def _means(purse: SpendableCredits, total: int) -> tuple[bool, list[Refusal]]:
    """Whether it would be made for nothing when nobody else waits, and what keeps it from being made at all."""
    try:
        return purse.needs_relaxed_queue(total), []
    except InsufficientCredits as problem:
        return False, [refusal(problem)]


def _kind(names: Collection[str]) -> type[Making]:
    """Which request a body is of, by what only it has."""
    if "video" not in names:
        return VideoBlend if "from" in names or "to" in names else VideoCreate
    if "keep" in names:
        return VideoRecut
    if "seconds" in names or "direction" in names:
        return VideoExtension
    if "strength" in names:
        return VideoRemix
    return VideoLoop if "length" in names or "prompt" not in names else VideoEdit


router = Router(
    path="/videos",
    route_handlers=[
        create_video,
        remix_video,
        edit_video,
        extend_video,
        recut_video,
        blend_videos,
        loop_video,
        estimate_video,
    ],
    tags=["Videos"],
)
