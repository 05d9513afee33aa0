"""Routes to watch a video while it is being generated: playlist, segments and preview image."""

import re
from datetime import UTC, datetime
from typing import Annotated, cast

from litestar import Response, Router, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath, QueryParameter
from litestar.types import ASGIApp

from api.errors import NotFound
from api.http import file_response
from api.http.authentication import Caller, requires
from api.http.file_response import Asked, File
from api.http.openapi.operations import Playlist, Preview, SegmentFile, per_method, problems
from api.http.requests import UserRequest
from api.http.state import AppState
from api.videos import hls, renditions

READ = requires("videos:read")
READS = [HttpMethod.GET, HttpMethod.HEAD]
Expires = Annotated[int | None, QueryParameter(description="Expiry of the signed URL, in Unix seconds.")]
Signature = Annotated[
    str | None, QueryParameter(description="Signature of the signed URL, instead of a bearer token.", max_length=128)
]


@route(
    "/{video_id:str}/stream.m3u8",
    http_method=READS,
    operation_id=per_method(GET="stream_video", HEAD="head_stream"),
    summary="Stream a video",
    guards=[READ],
    opt={"signature": True},
    responses=problems(401, 403, 404, 409, 410, 422, 429),
    operation_class=Playlist,
)
async def stream_video(
    request: UserRequest,
    video_id: FromPath[str],
    app_state: NamedDependency[AppState],
    expires: Expires = None,
    signature: Signature = None,
) -> Response[str]:
    """Return an HLS playlist that grows while the video is being generated.

    Players send no `Authorization` header: open the signed URL in `assets.stream`. Lines once listed never change. The
    playlist is not cacheable.
    """
    user_id = _reader(request, hls.path(video_id), expires, signature, app_state)
    stream, found = await hls.find(app_state.pool, video_id, user_id)
    ends = hls.expires(stream.created_at)
    query = f"?expires={ends}&signature={app_state.keyring.sign_media(hls.path(video_id), ends)}"
    text = hls.playlist(stream, found, query)
    return Response(text, media_type=hls.TYPE, headers={"Cache-Control": "no-store"})


@route(
    "/{video_id:str}/stream/{segment:str}",
    http_method=READS,
    operation_id=per_method(GET="get_stream_segment", HEAD="head_stream_segment"),
    summary="Get a segment of a stream",
    guards=[READ],
    opt={"signature": True},
    responses=problems(401, 403, 404, 409, 410, 416, 422, 429),
    operation_class=SegmentFile,
)
async def get_stream_segment(
    request: UserRequest,
    video_id: FromPath[str],
    segment: FromPath[str],
    app_state: NamedDependency[AppState],
    expires: Expires = None,
    signature: Signature = None,
) -> ASGIApp:
    """Return a media segment or the initialization segment of a stream, as named in the playlist."""
    user_id = _reader(request, hls.path(video_id), expires, signature, app_state)
    await hls.find(app_state.pool, video_id, user_id)
    file = _kept(app_state, video_id, segment, hls.PIECE, "video/mp4")
    if file is None:
        raise NotFound("The stream has no such segment; the playlist lists those that exist.", param="segment")
    return file_response.respond(file, Asked.of(request.headers))


@route(
    "/{video_id:str}/preview/{image:str}",
    http_method=READS,
    operation_id=per_method(GET="get_video_preview", HEAD="head_video_preview"),
    summary="Get a preview image",
    guards=[READ],
    opt={"signature": True},
    responses=problems(401, 403, 404, 409, 410, 416, 422, 429),
    operation_class=Preview,
)
async def get_video_preview(
    request: UserRequest,
    video_id: FromPath[str],
    image: FromPath[str],
    app_state: NamedDependency[AppState],
    expires: Expires = None,
    signature: Signature = None,
) -> ASGIApp:
    """Return a small preview image (JPEG) of the part that is being generated.

    `assets.preview` is the signed URL of the latest one. Previews are deleted when the video fails or is cancelled.
    """
    user_id = _reader(request, hls.preview_path(video_id), expires, signature, app_state)
    await hls.check_preview(app_state.pool, video_id, user_id)
    file = _kept(app_state, video_id, image, hls.PREVIEW, "image/jpeg")
    if file is None:
        raise NotFound("There is no such preview image; `assets.preview` of the video is the latest.", param="image")
    return file_response.respond(file, Asked.of(request.headers))


def _kept(app_state: AppState, video_id: str, name: str, names: re.Pattern[str], content_type: str) -> File | None:
    """What lies with a video's pieces under this name, if it is one of `names`: no other leads anywhere.

    What has a name there never changes, so that the name is its validator.
    """
    path = app_state.storage.path(hls.key(video_id, name)) if names.fullmatch(name) else None
    if path is None or not path.is_file():
        return None
    state = path.stat()
    return File(path, content_type, state.st_size, f'"{name}"', datetime.fromtimestamp(state.st_mtime, UTC))


def _reader(
    request: UserRequest, path: str, expires: int | None, signature: str | None, app_state: AppState
) -> str | None:
    caller = cast("Caller | None", request.user)
    return renditions.reader(caller.user_id if caller else None, path, expires, signature, app_state.keyring)


router = Router(path="/videos", route_handlers=[stream_video, get_stream_segment, get_video_preview], tags=["Videos"])
