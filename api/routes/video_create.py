"""Routes that create videos. OpenAI's Videos API is a subset."""

from collections.abc import Callable, Collection
from typing import Any, cast

import msgspec
from litestar import Response, Router, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from api import idempotency
from api.errors import Invalid, NotFound
from api.http import body
from api.http.authentication import requires_scope
from api.http.idempotency import identify_request
from api.http.openapi.operations import body_operation, problem_responses, union_body_operation
from api.http.requests import UserRequest, parse_prefer_wait
from api.http.state import AppState
from api.schemas.video_requests import (
    CreateRequest,
    VideoBlend,
    VideoCreate,
    VideoEdit,
    VideoExtension,
    VideoLoop,
    VideoRecut,
    VideoRemix,
)
from api.schemas.videos import Estimate, Video
from api.sql.idempotency import StoredAnswer
from api.videos.serializers import poll_headers

READ, WRITE = requires_scope("videos:read"), requires_scope("videos:write")
HEADERS = ("Idempotency-Key", "Prefer")
REFUSALS = problem_responses(400, 401, 402, 403, 404, 409, 410, 413, 415, 422, 429, 503)
ANY_BODY = "The body of any request that creates a video or an image; its fields tell which request is meant."
BODIES = (VideoCreate, VideoRemix, VideoEdit, VideoExtension, VideoRecut, VideoBlend, VideoLoop)


def create_route(
    path: str, kind: type[CreateRequest], *, operation_id: str, summary: str
) -> Callable[[Any], HTTPRouteHandler]:
    """A route that creates a video from a body of this type."""
    return post(
        path,
        operation_id=operation_id,
        summary=summary,
        status_code=200,
        guards=[WRITE],
        opt={"creates": True},
        responses=REFUSALS,
        operation_class=body_operation(kind, *HEADERS),
    )


async def answer_create(request: UserRequest, app_state: AppState, content: CreateRequest) -> Response[Video]:
    """The new video: at once or, if the client waits, once it is terminal."""
    answer = await app_state.creator.create(request.user, content, identify_request(request, content))
    if (wait := parse_prefer_wait(request)) and (video := await _wait_until_terminal(request, app_state, answer, wait)):
        return video
    response = Response(answer.body, status_code=answer.status, headers=answer.headers, media_type="application/json")
    return cast("Response[Video]", response)


async def _wait_until_terminal(
    request: UserRequest, app_state: AppState, answer: StoredAnswer, seconds: int
) -> Response[Video] | None:
    """The created video after the wait; None if it was deleted meanwhile, when the first answer is sent."""
    location = answer.headers["Location"]
    try:
        row = await app_state.event_streams.wait_until_terminal(
            location.rpartition("/")[2], request.user.user_id, seconds
        )
    except NotFound:
        return None
    await app_state.serializer.pace.refresh_if_stale()
    video = app_state.serializer.to_video(row)
    return Response(video, status_code=200, headers={**poll_headers(video), "Location": location})


@create_route("/", VideoCreate, operation_id="create_video", summary="Create a video")
async def create_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Queue a video and hold its credits. Credits are charged only for what is generated.

    With `n` above 1, the response is the first variation and lists all ids in `variations`. With `Prefer: wait=60` it
    is sent once the video is finished, or after 60 seconds.
    """
    return await answer_create(request, app_state, await body.read_body(request, VideoCreate))


@create_route("/{video_id:str}/remix", VideoRemix, operation_id="remix_video", summary="Remix a video")
async def remix_video(
    request: UserRequest, video_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[Video]:
    """Generate a video again with another prompt. A `subtle` remix keeps most of the source, a `strong` one little."""
    content = await body.read_body(request, VideoRemix)
    if content.video is not None:
        raise Invalid("The path names the video to remix; leave `video` out.", param="video")
    return await answer_create(request, app_state, msgspec.structs.replace(content, video=video_id))


@create_route("/edits", VideoEdit, operation_id="edit_video", summary="Edit a video")
async def edit_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Change what the prompt describes differently from the source's own prompt, and keep the rest."""
    return await answer_create(request, app_state, await body.read_body(request, VideoEdit))


@create_route("/extensions", VideoExtension, operation_id="extend_video", summary="Extend a video")
async def extend_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Extend a video at its end or its beginning. The result is the whole video; only the added seconds are charged."""
    return await answer_create(request, app_state, await body.read_body(request, VideoExtension))


@create_route("/recuts", VideoRecut, operation_id="recut_video", summary="Re-cut a video")
async def recut_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Keep parts of a video and generate the rest anew."""
    return await answer_create(request, app_state, await body.read_body(request, VideoRecut))


@create_route("/blends", VideoBlend, operation_id="blend_videos", summary="Blend two videos")
async def blend_videos(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Generate a video that begins as one video and ends as another."""
    return await answer_create(request, app_state, await body.read_body(request, VideoBlend))


@create_route("/loops", VideoLoop, operation_id="loop_video", summary="Loop a video")
async def loop_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Video]:
    """Turn a video into a seamless loop."""
    return await answer_create(request, app_state, await body.read_body(request, VideoLoop))


@post(
    "/estimate",
    operation_id="estimate_video",
    summary="Estimate a video",
    status_code=200,
    guards=[READ],
    opt={"creates": True},
    responses=problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 422, 429),
    operation_class=union_body_operation("EstimateCreate", ANY_BODY, BODIES, "Idempotency-Key"),
)
async def estimate_video(request: UserRequest, app_state: NamedDependency[AppState]) -> Estimate:
    """Return the cost and duration of a request that creates a video, given its body. Nothing is stored or held.

    The fields tell which request is meant: `video` and `prompt` alone are an edit, with `strength` a remix, with
    `length` a loop.
    """
    content = await body.read_body(request, _choose_request_type)
    idempotency.check_key(request.headers.get("idempotency-key"))
    return await app_state.estimator.estimate(request.user, content)


def _choose_request_type(names: Collection[str]) -> type[CreateRequest]:
    """The request type of a body, by the fields that only it has."""
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
