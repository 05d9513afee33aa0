"""Response bodies of uploads."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

UploadKind = Literal["image", "video", "unknown"]
UploadStatus = Literal["receiving", "ready", "refused"]


class UploadError(Struct, frozen=True):
    """Reason why an upload was refused."""

    code: Annotated[str, Meta(description="Machine-readable problem code.")]
    message: Annotated[str, Meta(description="Human-readable description of the error.")]


class Upload(Struct, frozen=True, kw_only=True):
    """An uploaded image or video that requests can refer to by id until it expires.

    `status` is `receiving` until all bytes have arrived, then `ready`, or `refused` with an `error`.
    """

    id: str
    object: Literal["upload"] = "upload"
    kind: Annotated[
        UploadKind,
        Meta(description="Media type found in the bytes of the file; `unknown` until they have been examined."),
    ]
    status: Annotated[UploadStatus, Meta(description="State of the upload.")]
    filename: Annotated[str, Meta(description="File name given by the client; may be empty.")]
    bytes: Annotated[int, Meta(ge=0, description="Size of the file, in bytes.")]
    offset: Annotated[int, Meta(ge=0, description="Number of bytes received so far.")]
    width: Annotated[int | None, Meta(description="Width in pixels; null until the file has been examined.")]
    height: Annotated[int | None, Meta(description="Height in pixels; null until the file has been examined.")]
    seconds: Annotated[
        float | None,
        Meta(description="Duration of a video, in seconds; null for an image and until the file has been examined."),
    ]
    created_at: int
    expires_at: Annotated[int, Meta(description="Time at which the upload is deleted, in Unix seconds.")]
    error: Annotated[UploadError | None, Meta(description="Reason for the refusal; null unless `status` is `refused`.")]
