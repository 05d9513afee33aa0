"""An upload as it travels."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

UploadKind = Literal["image", "video", "unknown"]
UploadStatus = Literal["receiving", "ready", "refused"]


class UploadError(Struct, frozen=True):
    """Why an upload cannot be used."""

    code: Annotated[str, Meta(description="The kind of problem, one word for each.")]
    message: Annotated[str, Meta(description="What is wrong, in a sentence.")]


class Upload(Struct, frozen=True, kw_only=True):
    """A file that was sent in, to be named by requests until it expires. It is `receiving` until all its bytes have
    come (`offset` of them are there), then `ready`, or `refused` with an `error`. Its `kind` is what its bytes are.
    """

    id: Annotated[str, Meta(description="Its id.")]
    object: Annotated[Literal["upload"], Meta(description="What kind of object this is.")] = "upload"
    kind: Annotated[UploadKind, Meta(description="What its bytes are, once that is known.")]
    status: Annotated[UploadStatus, Meta(description="How far it has come.")]
    filename: Annotated[str, Meta(description="What its sender calls it.")]
    bytes: Annotated[int, Meta(ge=0, description="How many bytes it has.")]
    offset: Annotated[int, Meta(ge=0, description="How many of them are there.")]
    width: Annotated[int | None, Meta(description="Pixels from left to right; null until it is looked at.")]
    height: Annotated[int | None, Meta(description="Pixels from top to bottom; null until it is looked at.")]
    seconds: Annotated[float | None, Meta(description="The length of a film, in seconds; null for a picture.")]
    created_at: Annotated[int, Meta(description="When it began, in Unix seconds.")]
    expires_at: Annotated[int, Meta(description="When it is removed, in Unix seconds.")]
    error: Annotated[UploadError | None, Meta(description="Why it cannot be used; null unless it is refused.")]
