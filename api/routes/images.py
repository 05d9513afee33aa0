"""Image generation, compatible with OpenAI's Images API."""

from litestar import Router, post
from litestar.di import NamedDependency

from api.http import body
from api.http.authentication import requires_scope
from api.http.idempotency import identify_request
from api.http.openapi.operations import body_operation, problem_responses
from api.http.requests import UserRequest
from api.http.state import AppState
from api.schemas.video_requests import ImageCreate
from api.schemas.videos import ImagesResponse


@post(
    "/generations",
    operation_id="create_image",
    summary="Create images",
    status_code=200,
    guards=[requires_scope("videos:write")],
    opt={"creates": True},
    responses=problem_responses(400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=body_operation(ImageCreate, "Idempotency-Key"),
)
async def create_image(request: UserRequest, app_state: NamedDependency[AppState]) -> ImagesResponse:
    """Generate images and return them once they are finished, as JPEGs. They are listed as videos of kind `image`."""
    content = await body.read_body(request, ImageCreate)
    return await app_state.images.create_images(request.user, content, identify_request(request, content))


router = Router(path="/images", route_handlers=[create_image], tags=["Images"])
