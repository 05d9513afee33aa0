"""Routes to watch a video while it is being generated: playlist, segments and preview image."""

import re
from datetime import UTC, datetime

from litestar import Response, Router
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ASGIApp

from api.errors import NotFound
from api.http import file_response
from api.http.file_response import FileRequestHeaders, ServedFile
from api.http.openapi.operations import PlaylistOperation, PreviewOperation, SegmentOperation
from api.http.requests import UserRequest
from api.http.signed_reads import MediaReader, media_route
from api.http.state import AppState
from api.videos import hls


@media_route(
    "/{video_id:str}/stream.m3u8",
    get="stream_video",
    head="head_stream",
    summary="Stream a video",
    statuses=(401, 403, 404, 409, 410, 422, 429),
    operation=PlaylistOperation,
)
async def stream_video(
    video_id: FromPath[str], app_state: NamedDependency[AppState], reader: NamedDependency[MediaReader]
) -> Response[str]:
    """Return an HLS playlist that grows while the video is being generated.

    Players send no `Authorization` header: open the signed URL in `assets.stream`. Lines once listed never change. The
    playlist is not cacheable.
    """
    path = hls.signed_path(video_id)
    stream, published = await hls.open_stream(app_state.pool, video_id, reader.authorize_path(path))
    expires_at = hls.stream_expires_at(stream.created_at)
    query = f"?expires={expires_at}&signature={app_state.keyring.sign_media(path, expires_at)}"
    playlist = hls.build_playlist(stream, published, query)
    return Response(playlist, media_type=hls.PLAYLIST_TYPE, headers={"Cache-Control": "no-store"})


@media_route(
    "/{video_id:str}/stream/{segment:str}",
    get="get_stream_segment",
    head="head_stream_segment",
    summary="Get a segment of a stream",
    statuses=(401, 403, 404, 409, 410, 416, 422, 429),
    operation=SegmentOperation,
)
async def get_stream_segment(
    request: UserRequest,
    video_id: FromPath[str],
    segment: FromPath[str],
    app_state: NamedDependency[AppState],
    reader: NamedDependency[MediaReader],
) -> ASGIApp:
    """Return a media segment or the initialization segment of a stream, as named in the playlist."""
    await hls.open_stream(app_state.pool, video_id, reader.authorize_path(hls.signed_path(video_id)))
    file = _find_stream_file(app_state, video_id, segment, hls.SEGMENT_NAME, "video/mp4")
    if file is None:
        raise NotFound("The stream has no such segment; the playlist lists those that exist.", param="segment")
    return file_response.respond_with_file(file, FileRequestHeaders.from_headers(request.headers))


@media_route(
    "/{video_id:str}/preview/{image:str}",
    get="get_video_preview",
    head="head_video_preview",
    summary="Get a preview image",
    statuses=(401, 403, 404, 409, 410, 416, 422, 429),
    operation=PreviewOperation,
)
async def get_video_preview(
    request: UserRequest,
    video_id: FromPath[str],
    image: FromPath[str],
    app_state: NamedDependency[AppState],
    reader: NamedDependency[MediaReader],
) -> ASGIApp:
    """Return a small preview image (JPEG) of the part that is being generated.

    `assets.preview` is the signed URL of the latest one. Previews are deleted when the video fails or is cancelled.
    """
    await hls.check_preview(app_state.pool, video_id, reader.authorize_path(hls.signed_preview_path(video_id)))
    file = _find_stream_file(app_state, video_id, image, hls.PREVIEW_NAME, "image/jpeg")
    if file is None:
        raise NotFound("There is no such preview image; `assets.preview` of the video is the latest.", param="image")
    return file_response.respond_with_file(file, FileRequestHeaders.from_headers(request.headers))


def _find_stream_file(
    app_state: AppState, video_id: str, name: str, names: re.Pattern[str], content_type: str
) -> ServedFile | None:
    """The file of this name among a video's segments and previews, if it matches `names`: no other is ever opened.

    A file that has a name there never changes, so the name is its validator.
    """
    path = app_state.storage.file_path(hls.storage_key(video_id, name)) if names.fullmatch(name) else None
    if path is None or not path.is_file():
        return None
    state = path.stat()
    return ServedFile(path, content_type, state.st_size, f'"{name}"', datetime.fromtimestamp(state.st_mtime, UTC))


router = Router(path="/videos", route_handlers=[stream_video, get_stream_segment, get_video_preview], tags=["Videos"])
