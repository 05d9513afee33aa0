"""Image generation, compatible with OpenAI's Images API."""

import asyncio
import base64

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency
from msgspec import Struct

from api.errors import Unavailable
from api.http import body
from api.http.authentication import requires
from api.http.openapi.operations import bodies, problems
from api.http.requests import UserRequest, identify_request
from api.http.state import AppState
from api.schemas.video_requests import ImageCreate
from api.schemas.videos import TERMINAL_STATUSES, GeneratedImage, ImagesResponse
from api.sql.generations import Generation
from api.videos import renditions

WAIT = 60.0  # seconds; a client that then asks again by itself is known for as long once more, and waits for the same


class Made(Struct, frozen=True):
    """What the answer to a create is read for. One kept for replay may be older than fields of a video."""

    created_at: int
    variations: list[str]


@post(
    "/generations",
    operation_id="create_image",
    summary="Create images",
    status_code=200,
    guards=[requires("videos:write")],
    opt={"creates": True},
    responses=problems(400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=bodies(ImageCreate, "Idempotency-Key"),
)
async def create_image(request: UserRequest, app_state: NamedDependency[AppState]) -> ImagesResponse:
    """Generate images and return them once they are finished, as JPEGs. They are listed as videos of kind `image`."""
    asked = await body.read(request, ImageCreate)
    answer = await app_state.creator.create(request.user, asked, identify_request(request, asked))
    first = msgspec.json.decode(answer.body, type=Made)
    user_id = request.user.user_id
    waiting = (app_state.feeds.terminal(each, user_id, WAIT) for each in first.variations)
    rows = await asyncio.gather(*waiting)
    inline = asked.response_format == "b64_json"
    return ImagesResponse(created=first.created_at, data=[await _image(row, app_state, inline=inline) for row in rows])


async def _image(row: Generation, app_state: AppState, *, inline: bool) -> GeneratedImage:
    if row.state not in TERMINAL_STATUSES:
        detail = f"The image is still being generated; send the request again, or poll GET /v1/videos/{row.id}."
        raise Unavailable(detail, headers={"Retry-After": "5"})
    rendition = await renditions.find_rendition(app_state.pool, row.id, "poster", row.user_id)
    content = await asyncio.to_thread(app_state.storage.read, rendition.key) if inline else None
    return GeneratedImage(
        id=row.id,
        url=None if inline else app_state.serializer.to_video(row).assets.poster,
        b64_json=base64.b64encode(content).decode() if content is not None else None,
        revised_prompt=row.revised_prompt or row.prompt,
    )


router = Router(path="/images", route_handlers=[create_image], tags=["Images"])
