"""Routes of uploads: in one form, or resumable with tus 1.0."""

from collections.abc import AsyncIterator
from typing import cast

from litestar import Response, Router, delete, get, head, patch, post, route
from litestar.datastructures import MutableScopeHeaders
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from api import ids
from api.errors import MethodNotAllowed
from api.http import body
from api.http.authentication import requires_scope
from api.http.idempotency import identify_request
from api.http.openapi.operations import (
    UploadAppendOperation,
    UploadCreateOperation,
    UploadDeleteOperation,
    UploadOffsetOperation,
    problem_responses,
)
from api.http.pagination import After, Limit, Order, build_page, check_cursor
from api.http.requests import UserRequest
from api.http.state import AppState
from api.schemas.common import Deleted, Page
from api.schemas.uploads import Upload
from api.sql.uploads import UploadRow
from api.uploads import tus
from api.uploads.serializers import to_upload

READ, WRITE = requires_scope("videos:read"), requires_scope("videos:write")


class FormUpload(Struct, frozen=True):
    """The content of a form upload, as its fingerprint sees it."""

    filename: str
    file: bytes


class TusVersionHeader:
    """Middleware: adds `Tus-Resumable` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableScopeHeaders.from_message(message)["Tus-Resumable"] = tus.VERSION
            await send(message)

        await self.app(scope, receive, send_with_version)


@post(
    "/",
    operation_id="create_upload",
    summary="Create an upload",
    guards=[WRITE],
    opt={"creates": True},
    responses=problem_responses(400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 423, 429, 503),
    operation_class=UploadCreateOperation,
)
async def create_upload(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Upload]:
    """Upload an image or a video, which requests can then refer to for one day.

    A multipart form carries the whole file in its field `file`. With tus 1.0 (`Tus-Resumable`, `Upload-Length`) the
    request creates a resumable upload, with the first bytes if there is a body; `PATCH` appends the rest.
    """
    if tus.is_tus_request(request.headers):
        row = await _create_resumable(request, app_state)
    else:
        row = await _store_form_file(request, app_state)
    headers = {"Location": f"/v1/uploads/{row.id}", **tus.state_headers(row.received, row.expires_at)}
    return Response(to_upload(row), status_code=201, headers=headers)


async def _create_resumable(request: UserRequest, app_state: AppState) -> UploadRow:
    tus.check_version(request.headers)
    creation, user_id = tus.parse_creation(request.headers), request.user.user_id
    row = await app_state.upload_store.create_upload(creation, identify_request(request, creation))
    if row.received or not tus.has_upload_body(request.headers):
        return row  # a repeated request continues from the bytes of the first
    length = tus.parse_content_length(request.headers)
    return await app_state.upload_store.append_bytes(row.id, user_id, 0, length, _stream_body(request, app_state))


def _stream_body(request: UserRequest, app_state: AppState) -> AsyncIterator[bytes]:
    return body.stream_chunks(request, app_state.settings.upload_stall_timeout)


async def _store_form_file(request: UserRequest, app_state: AppState) -> UploadRow:
    file = await body.read_file(request)
    identity = identify_request(request, FormUpload(file.name, file.content))
    return await app_state.upload_store.store_file(file.name, file.content, file.field, identity)


@get(
    "/",
    operation_id="list_uploads",
    summary="List uploads",
    guards=[READ],
    responses=problem_responses(401, 403, 422, 429),
)
async def list_uploads(
    request: UserRequest,
    app_state: NamedDependency[AppState],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[Upload]:
    """List the uploads that have not expired, by default newest first."""
    begin, descending = check_cursor(after, ids.UPLOAD), order == "desc"
    rows = await app_state.upload_store.list_uploads(request.user.user_id, begin, limit + 1, descending=descending)
    return build_page([to_upload(row) for row in rows], limit)


@get(
    "/{upload_id:str}",
    operation_id="get_upload",
    summary="Get an upload",
    guards=[READ],
    responses=problem_responses(401, 403, 404, 410, 429, 503),
)
async def get_upload(request: UserRequest, upload_id: FromPath[str], app_state: NamedDependency[AppState]) -> Upload:
    """Return an upload: how much of it has arrived and, once complete, its media type or why it was refused."""
    return to_upload(await app_state.upload_store.inspect_upload(upload_id, request.user.user_id))


@head(
    "/{upload_id:str}",
    operation_id="head_upload",
    summary="Get the offset of an upload",
    guards=[READ],
    responses=problem_responses(401, 403, 404, 410, 412, 429),
    operation_class=UploadOffsetOperation,
)
async def head_upload(
    request: UserRequest, upload_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[None]:
    """Return the number of bytes received in `Upload-Offset`, from which an interrupted upload resumes."""
    if "tus-resumable" in request.headers:
        tus.check_version(request.headers)
    row = await app_state.upload_store.find_upload(upload_id, request.user.user_id)
    metadata = {"Upload-Metadata": row.metadata} if row.metadata else {}
    headers = {"Upload-Length": str(row.bytes), "Cache-Control": "no-store", **metadata}
    return Response(None, headers=headers | tus.state_headers(row.received, row.expires_at), status_code=200)


@patch(
    "/{upload_id:str}",
    operation_id="append_upload",
    summary="Append to an upload",
    status_code=204,
    guards=[WRITE],
    responses=problem_responses(400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 423, 429, 503),
    operation_class=UploadAppendOperation,
)
async def append_upload(
    request: UserRequest, upload_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[None]:
    """Append bytes at `Upload-Offset`, which must equal the number of bytes received so far.

    Bytes that arrived before a connection broke are kept. The response to the last byte is sent once the file has been
    examined.
    """
    return await _append_body(request, upload_id, app_state)


async def _append_body(request: UserRequest, upload_id: str, app_state: AppState) -> Response[None]:
    tus.check_version(request.headers)
    tus.check_content_type(request.headers)
    offset, length = tus.parse_byte_count(request.headers, "upload-offset"), tus.parse_content_length(request.headers)
    row = await app_state.upload_store.append_bytes(
        upload_id, request.user.user_id, offset, length, _stream_body(request, app_state)
    )
    return Response(None, status_code=204, headers=tus.state_headers(row.received, row.expires_at))


@delete(
    "/{upload_id:str}",
    operation_id="delete_upload",
    summary="Delete an upload",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(401, 403, 404, 412, 429),
    operation_class=UploadDeleteOperation,
)
async def delete_upload(
    request: UserRequest, upload_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[Deleted]:
    """Delete an upload, complete or not. Videos generated from it are not affected.

    If `Tus-Resumable` is sent, the response is 204 without a body, as tus requires.
    """
    if "tus-resumable" in request.headers:
        return cast("Response[Deleted]", await _delete_with_tus(request, upload_id, app_state))
    await app_state.upload_store.delete_upload(upload_id, request.user.user_id)
    return Response(Deleted(id=upload_id, object="upload.deleted"), status_code=200)


async def _delete_with_tus(request: UserRequest, upload_id: str, app_state: AppState) -> Response[None]:
    tus.check_version(request.headers)
    await app_state.upload_store.delete_upload(upload_id, request.user.user_id)
    return Response(None, status_code=204)


@post("/{upload_id:str}", include_in_schema=False, guards=[WRITE])
async def override_method(
    request: UserRequest, upload_id: FromPath[str], app_state: NamedDependency[AppState]
) -> Response[None]:
    """PATCH or DELETE as `X-HTTP-Method-Override`, for clients limited to GET and POST."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await _append_body(request, upload_id, app_state)
    if method == "DELETE":
        return await _delete_with_tus(request, upload_id, app_state)
    raise MethodNotAllowed("A POST to an upload names PATCH or DELETE in `X-HTTP-Method-Override`.")


@route(["/", "/{upload_id:str}"], http_method=[HttpMethod.OPTIONS], include_in_schema=False, status_code=204)
async def describe_protocol(app_state: NamedDependency[AppState]) -> Response[None]:
    """Supported tus version, extensions and size limit."""
    return Response(None, status_code=204, headers=tus.discovery_headers(app_state.settings.max_upload))


router = Router(
    path="/uploads",
    route_handlers=[
        describe_protocol,  # first, or the framework puts an answer of its own to OPTIONS in its place
        create_upload,
        list_uploads,
        get_upload,
        head_upload,
        append_upload,
        delete_upload,
        override_method,
    ],
    middleware=[TusVersionHeader],
    tags=["Uploads"],
)
