"""Watching a clip while it is made: its playlist and the pieces, and a guess at what comes next."""

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
from api.http.openapi.operations import Pieces, Playlist, Preview, per_method, problems
from api.http.requests import UserRequest
from api.http.state import Parts
from api.videos import hls, renditions

READ = requires("videos:read")
READS = [HttpMethod.GET, HttpMethod.HEAD]
Expires = Annotated[int | None, QueryParameter(description="End of a signed URL, Unix seconds.")]
Signature = Annotated[str | None, QueryParameter(description="Stands for the bearer.", max_length=128)]


@route(
    "/{video_id:str}/stream.m3u8",
    http_method=READS,
    operation_id=per_method(GET="stream_video", HEAD="head_stream"),
    summary="Watch a video while it is made",
    guards=[READ],
    opt={"signature": True},
    responses=problems(401, 403, 404, 409, 410, 422, 429),
    operation_class=Playlist,
)
async def stream_video(
    request: UserRequest,
    video_id: FromPath[str],
    parts: NamedDependency[Parts],
    expires: Expires = None,
    signature: Signature = None,
) -> Response[str]:
    """An HLS playlist that grows while the clip is made and ends when it is done. Open `assets.stream`, which is
    signed, in a player: it sends no header. Lines once listed never change. It is never cached, since it grows.
    """
    user_id = _reader(request, hls.path(video_id), expires, signature, parts)
    stream, found = await hls.find(parts.pool, video_id, user_id)
    ends = hls.expires(stream.created_at)
    query = f"?expires={ends}&signature={parts.keyring.sign_media(hls.path(video_id), ends)}"
    text = hls.playlist(stream, found, query)
    return Response(text, media_type=hls.TYPE, headers={"Cache-Control": "no-store"})


@route(
    "/{video_id:str}/stream/{piece:str}",
    http_method=READS,
    operation_id=per_method(GET="get_stream_piece", HEAD="head_stream_piece"),
    summary="Fetch a piece of a stream",
    guards=[READ],
    opt={"signature": True},
    responses=problems(401, 403, 404, 409, 410, 416, 422, 429),
    operation_class=Pieces,
)
async def get_stream_piece(
    request: UserRequest,
    video_id: FromPath[str],
    piece: FromPath[str],
    parts: NamedDependency[Parts],
    expires: Expires = None,
    signature: Signature = None,
) -> ASGIApp:
    """A fragment of MP4 that the playlist names, or the head that players read before the first."""
    user_id = _reader(request, hls.path(video_id), expires, signature, parts)
    await hls.find(parts.pool, video_id, user_id)
    file = _kept(parts, video_id, piece, hls.PIECE, "video/mp4")
    if file is None:
        raise NotFound("The stream has no such piece; the playlist names those there are.", param="piece")
    return file_response.respond(file, Asked.of(request.headers))


@route(
    "/{video_id:str}/preview/{picture:str}",
    http_method=READS,
    operation_id=per_method(GET="get_video_preview", HEAD="head_video_preview"),
    summary="See what is being made",
    guards=[READ],
    opt={"signature": True},
    responses=problems(401, 403, 404, 409, 410, 416, 422, 429),
    operation_class=Preview,
)
async def get_video_preview(
    request: UserRequest,
    video_id: FromPath[str],
    picture: FromPath[str],
    parts: NamedDependency[Parts],
    expires: Expires = None,
    signature: Signature = None,
) -> ASGIApp:
    """A small JPEG of what is still being made: a guess, which the clip outdoes. `assets.preview`, which is signed,
    names the latest, and each has a name of its own. They go with a video that fails or is cancelled.
    """
    user_id = _reader(request, hls.preview_path(video_id), expires, signature, parts)
    await hls.check_preview(parts.pool, video_id, user_id)
    file = _kept(parts, video_id, picture, hls.PREVIEW, "image/jpeg")
    if file is None:
        raise NotFound("There is no such preview; `assets.preview` of the video names the latest.", param="picture")
    return file_response.respond(file, Asked.of(request.headers))


def _kept(parts: Parts, video_id: str, name: str, names: re.Pattern[str], content_type: str) -> File | None:
    """What lies with a video's pieces under this name, if it is one of `names`: no other leads anywhere.

    What has a name there never changes, so that the name is its validator.
    """
    path = parts.storage.path(hls.key(video_id, name)) if names.fullmatch(name) else None
    if path is None or not path.is_file():
        return None
    state = path.stat()
    return File(path, content_type, state.st_size, f'"{name}"', datetime.fromtimestamp(state.st_mtime, UTC))


def _reader(request: UserRequest, path: str, expires: int | None, signature: str | None, parts: Parts) -> str | None:
    caller = cast("Caller | None", request.user)
    return renditions.reader(caller.user_id if caller else None, path, expires, signature, parts.keyring)


router = Router(path="/videos", route_handlers=[stream_video, get_stream_piece, get_video_preview], tags=["Videos"])
