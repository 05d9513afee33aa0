"""Routes of existing videos. `video_create` has those that create them."""

from pathlib import Path
from typing import Annotated, Any

from litestar import Response, Router, delete, get, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from litestar.types import ASGIApp

from api import ids
from api.errors import Internal, NotOfferedYet
from api.http import file_response
from api.http.authentication import requires_scope
from api.http.file_response import FileBody, FileRequestHeaders, ServedFile
from api.http.idempotency import identify_request
from api.http.openapi.operations import (
    EndingEventStreamOperation,
    FileOperation,
    ResumableEventStreamOperation,
    headers_operation,
    problem_responses,
)
from api.http.pagination import After, Limit, Order, build_page, check_cursor
from api.http.requests import UserRequest, parse_prefer_wait
from api.http.signed_reads import MediaReader, media_route
from api.http.state import AppState
from api.schemas.common import Deleted, Page
from api.schemas.videos import Variant, Video
from api.sql.generations import Generation
from api.videos import renditions
from api.videos.renditions import TYPES, Rendition
from api.videos.serializers import poll_headers

READ, WRITE = requires_scope("videos:read"), requires_scope("videos:write")


@get(
    "/",
    operation_id="list_videos",
    summary="List videos",
    guards=[READ],
    responses=problem_responses(401, 403, 422, 429),
)
async def list_videos(
    request: UserRequest,
    app_state: NamedDependency[AppState],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[Video]:
    """List the user's videos and images, by default newest first."""
    await app_state.serializer.pace.refresh_if_stale()
    begin = check_cursor(after, ids.VIDEO)
    rows = await app_state.library.list_page(request.user.user_id, begin, limit + 1, descending=order == "desc")
    return build_page([app_state.serializer.to_video(row) for row in rows], limit)


@get(
    "/{video_id:str}",
    operation_id="get_video",
    summary="Get a video",
    guards=[READ],
    responses=problem_responses(401, 403, 404, 429),
    operation_class=headers_operation("Prefer"),
)
async def get_video(
    request: UserRequest, video_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[Video]:
    """Return a video. With `Prefer: wait=60`, wait until it is finished, for at most 60 seconds."""
    user_id = request.user.user_id
    if wait := parse_prefer_wait(request):
        return await _video_response(
            await app_state.event_streams.wait_until_terminal(video_id, user_id, wait), app_state
        )
    return await _video_response(await app_state.library.get(video_id, user_id), app_state)


@delete(
    "/{video_id:str}",
    operation_id="delete_video",
    summary="Delete a video",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(401, 403, 404, 429),
)
async def delete_video(request: UserRequest, video_id: FromPath[str], app_state: NamedDependency[AppState]) -> Deleted:
    """Delete a video and its files. If it is still being generated, it is cancelled first."""
    await app_state.library.delete(video_id, request.user.user_id)
    return Deleted(id=video_id, object="video.deleted")


@post(
    "/{video_id:str}/cancel",
    operation_id="cancel_video",
    summary="Cancel a video",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(401, 403, 404, 409, 422, 429),
    operation_class=headers_operation("Idempotency-Key"),
)
async def cancel_video(
    request: UserRequest, video_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[Video]:
    """Cancel a video and release its unused credits. A finished video stays as it is."""
    row = await app_state.lifecycle.cancel(video_id, request.user.user_id, identify_request(request))
    return await _video_response(row, app_state)


async def _video_response(row: Generation, app_state: AppState) -> Response[Video]:
    """The video as it is now, with how soon to ask again."""
    await app_state.serializer.pace.refresh_if_stale()
    video = app_state.serializer.to_video(row)
    return Response(video, headers=poll_headers(video), status_code=200)


@media_route(
    "/{video_id:str}/content",
    get="get_video_content",
    head="head_video_content",
    summary="Download a rendition",
    statuses=(401, 403, 404, 409, 410, 416, 422, 429),
    operation=FileOperation,
)
async def get_video_content(
    request: UserRequest,
    video_id: FromPath[str],
    app_state: NamedDependency[AppState],
    reader: NamedDependency[MediaReader],
    variant: Annotated[Variant, QueryParameter(description="Rendition to download.")] = "video",
) -> ASGIApp:
    """Return the MP4, the poster, the thumbnail or the sprite sheet. Supports range and conditional requests."""
    user_id = reader.authorize_path(f"{video_id}/{variant}")
    rendition = await renditions.find_rendition(app_state.pool, video_id, variant, user_id)
    return _rendition_response(
        rendition, app_state.storage.file_path(rendition.key), FileRequestHeaders.from_headers(request.headers)
    )


def _rendition_response(rendition: Rendition, path: Path, asked: FileRequestHeaders) -> FileBody:
    """200, 206 or 304. Raises RangeNotSatisfiable, and Internal where the file is missing."""
    if not path.is_file():
        raise Internal("The file of this video is missing from the storage; the operator of this server must look.")
    file = ServedFile(path, TYPES[rendition.variant], rendition.bytes, rendition.etag, rendition.modified)
    return file_response.respond_with_file(
        file, asked, {"Content-Disposition": f'inline; filename="{rendition.filename}"'}
    )


@get(
    "/{video_id:str}/events",
    operation_id="watch_video",
    summary="Watch a video",
    guards=[READ],
    responses=problem_responses(401, 403, 404, 429),
    operation_class=EndingEventStreamOperation,
)
async def watch_video(
    request: UserRequest, video_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Stream | Response[None]:
    """Stream the video as server-sent events: its current state, then every change until it is finished.

    204 if `Last-Event-ID` is the last event there will ever be; that ends the reconnecting of an `EventSource`.
    """
    user_id, last_event_id = request.user.user_id, request.headers.get("last-event-id")
    if app_state.event_streams.is_last_event(last_event_id, await app_state.library.get(video_id, user_id)):
        return Response(None, status_code=204)
    return _event_response(app_state.event_streams.stream_video(video_id, user_id))


@get(
    "/events",
    operation_id="watch_videos",
    summary="Watch all videos",
    guards=[READ],
    responses=problem_responses(401, 403, 429),
    operation_class=ResumableEventStreamOperation,
)
async def watch_videos(request: UserRequest, app_state: NamedDependency[AppState]) -> Stream:
    """Stream all the user's videos as server-sent events.

    The stream starts with the videos changed since `Last-Event-ID` or, without it, with those not finished yet.
    """
    return _event_response(
        app_state.event_streams.stream_all_videos(request.user.user_id, request.headers.get("last-event-id"))
    )


def _event_response(frames: Any) -> Stream:
    """A response that proxies pass on as it comes."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(frames, media_type="text/event-stream", headers=headers)


@route(
    ["/characters", "/characters/{rest:path}"],
    http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.DELETE],
    include_in_schema=False,
    guards=[READ],
)
async def refuse_characters(request: UserRequest) -> None:
    """What OpenAI's clients also ask for: a problem that says so, where a bare 404 would look like a wrong URL."""
    raise NotOfferedYet(f"{request.url.path} is part of OpenAI's Videos API and not offered here yet.")


router = Router(
    path="/videos",
    route_handlers=[
        list_videos,
        get_video,
        delete_video,
        cancel_video,
        get_video_content,
        watch_video,
        refuse_characters,
    ],
    tags=["Videos"],
)
feed = Router(path="/", route_handlers=[watch_videos], tags=["Videos"])
