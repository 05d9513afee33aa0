"""What may be asked: one Struct for each body, with its limits. Unknown fields are refused by name."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from api.models import Quality, Resize, Visibility
from engine.catalog import MAX_SEED

Size = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}\Z", description="Width x height in pixels.")]
Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]+@([^@\s\x00-\x1f\x7f]+\.)*[^@\s\x00-\x1f\x7f.]+\Z",
        description="An e-mail address.",
    ),
]
Locale = Literal["en", "fr"]
Password = Annotated[str, Meta(min_length=8, max_length=256)]
Scope = Literal["videos:read", "videos:write", "account:read", "account:write"]


class ImageReference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture: a `data:` URL, as OpenAI's clients send it, or the bytes of a form's file."""

    image_url: Annotated[str, Meta(min_length=1)] | None = None
    file_id: str | None = None
    file: bytes | None = None


class VideoCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip to be made from a sentence and, if given, a first picture."""

    prompt: Annotated[str, Meta(min_length=1, max_length=32_000)]
    model: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    seconds: Annotated[int, Meta(ge=1, description="Length of the clip, as a number or as a string.")] = 4
    size: Size | None = None
    input_reference: ImageReference | None = None
    negative_prompt: Annotated[str, Meta(max_length=8_000)] = ""
    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)] | None = None
    n: Annotated[int, Meta(ge=1, le=4, description="Variations, each with a seed of its own.")] = 1
    quality: Quality = "full"
    resize: Resize = "crop"
    visibility: Visibility = "private"
    metadata: Annotated[dict[str, Any], Meta(max_length=16)] = {}


class SignUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new account."""

    email: Email
    password: Password
    name: Annotated[str, Meta(max_length=100)] = ""
    locale: Locale = "en"


class LogIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credentials of an account."""

    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=256)]


class Refresh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The refresh token of the last answer."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=200)]


class ProfileUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may change of their own account."""

    name: Annotated[str, Meta(max_length=100)] | None = None
    locale: Locale | None = None


class ApiKeyCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key for a program. Without `scopes` it may do all that its owner may do to videos, and read the account."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=10)] | None = None
