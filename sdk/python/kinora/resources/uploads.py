"""Images and videos uploaded for use in requests. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from kinora import _upload, types
from kinora._decoding import json_decoder
from kinora._download import Progress
from kinora._files import File
from kinora._request import ApiCall, CallOptions, build_path, resource_id

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import Deleted, Upload


class UploadsAPI:
    """Images and videos uploaded for use in requests."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> Pages[Upload]:
        """List uploads.

        List the uploads that have not expired, by default newest first.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/uploads",
                json_decoder(types.UploadPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    def get(self, upload: Upload | str, *, timeout: float | None = None) -> Upload:
        """Get an upload.

        Return an upload: how much of it has arrived and, once complete, its media type or why it was refused.

        Raises: Unauthorized, Forbidden, NotFound, Expired, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/uploads/{}", resource_id(upload)),
                json_decoder(types.Upload),
                options=CallOptions(timeout=timeout),
            )
        )

    def delete(self, upload: Upload | str, *, timeout: float | None = None) -> Deleted:
        """Delete an upload.

        Delete an upload, complete or not. Videos generated from it are not affected.

        If `Tus-Resumable` is sent, the response is 204 without a body, as tus requires.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/uploads/{}", resource_id(upload)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
            )
        )

    def create(
        self,
        file: File,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        on_created: Callable[[Upload], Any] | None = None,
        on_progress: Progress | None = None,
    ) -> Upload:
        """Upload an image or a video, which requests can then refer to for one day.

        The file is read from disk in chunks, and a broken upload resumes where it broke off.

        Arguments:
            file: A `pathlib.Path`, bytes, an open binary file, or `(name, either)`.
            timeout: Seconds for each request.
            on_created: Called with the upload before its content is sent; with its id another process can `resume`.
            on_progress: Called with the bytes sent and the total.

        Raises: UploadRefused (it carries the upload), TooLarge, Forbidden (too many at once), Unauthorized,
            RateLimited, ServerError, ConnectionFailed, OSError.

        Example:
            upload = client.uploads.create(Path("boat.mp4"), on_progress=print)
        """
        options = CallOptions(idempotency_key=idempotency_key, timeout=timeout)
        flow = _upload.create_upload(
            self._client._config, file, options=options, on_created=on_created, on_progress=on_progress
        )
        return self._client._run_flow(flow)

    def resume(self, upload: Upload | str, file: File, *, on_progress: Progress | None = None) -> Upload:
        """Resume an upload that broke off, also one of another process, from the offset that the server reports.

        Arguments:
            file: The same file.
            on_progress: Called with the bytes sent and the total.

        Raises: ValueError (the file has another length), UploadRefused, NotFound, Expired, ServerError,
            ConnectionFailed, OSError.

        Example:
            upload = client.uploads.resume("upload_…", Path("boat.mp4"))
        """
        flow = _upload.resume_upload(self._client._config, upload, file, on_progress=on_progress)
        return self._client._run_flow(flow)


class AsyncUploadsAPI:
    """Images and videos uploaded for use in requests."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[Upload]:
        """List uploads.

        List the uploads that have not expired, by default newest first.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/uploads",
                json_decoder(types.UploadPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    async def get(self, upload: Upload | str, *, timeout: float | None = None) -> Upload:
        """Get an upload.

        Return an upload: how much of it has arrived and, once complete, its media type or why it was refused.

        Raises: Unauthorized, Forbidden, NotFound, Expired, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/uploads/{}", resource_id(upload)),
                json_decoder(types.Upload),
                options=CallOptions(timeout=timeout),
            )
        )

    async def delete(self, upload: Upload | str, *, timeout: float | None = None) -> Deleted:
        """Delete an upload.

        Delete an upload, complete or not. Videos generated from it are not affected.

        If `Tus-Resumable` is sent, the response is 204 without a body, as tus requires.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/uploads/{}", resource_id(upload)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
            )
        )

    async def create(
        self,
        file: File,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        on_created: Callable[[Upload], Any] | None = None,
        on_progress: Progress | None = None,
    ) -> Upload:
        """Upload an image or a video, which requests can then refer to for one day.

        The file is read from disk in chunks, and a broken upload resumes where it broke off.

        Arguments:
            file: A `pathlib.Path`, bytes, an open binary file, or `(name, either)`.
            timeout: Seconds for each request.
            on_created: Called with the upload before its content is sent; with its id another process can `resume`.
            on_progress: Called with the bytes sent and the total.

        Raises: UploadRefused (it carries the upload), TooLarge, Forbidden (too many at once), Unauthorized,
            RateLimited, ServerError, ConnectionFailed, OSError.

        Example:
            upload = await client.uploads.create(Path("boat.mp4"), on_progress=print)
        """
        options = CallOptions(idempotency_key=idempotency_key, timeout=timeout)
        flow = _upload.create_upload(
            self._client._config, file, options=options, on_created=on_created, on_progress=on_progress
        )
        return await self._client._run_flow(flow)

    async def resume(self, upload: Upload | str, file: File, *, on_progress: Progress | None = None) -> Upload:
        """Resume an upload that broke off, also one of another process, from the offset that the server reports.

        Arguments:
            file: The same file.
            on_progress: Called with the bytes sent and the total.

        Raises: ValueError (the file has another length), UploadRefused, NotFound, Expired, ServerError,
            ConnectionFailed, OSError.

        Example:
            upload = await client.uploads.resume("upload_…", Path("boat.mp4"))
        """
        flow = _upload.resume_upload(self._client._config, upload, file, on_progress=on_progress)
        return await self._client._run_flow(flow)
