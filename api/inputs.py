"""What may be asked: one Struct for each body, with its limits. Unknown fields are refused by name."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from api.models import Lora, Quality, Resize, Visibility
from engine.catalog import MAX_SEED
from engine.operations import Curve, Direction, Length
from engine.types import Strength

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
    """A picture: a `data:` URL, as OpenAI's clients send it, an upload of one's own, or the bytes of a form's file."""

    image_url: Annotated[str, Meta(min_length=1)] | None = None
    file_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    file: bytes | None = None


class VideoReference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video: one of one's own that is done or an uploaded film, a `data:` URL, or the bytes of a form's file."""

    id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    video_url: Annotated[str, Meta(min_length=1)] | None = None
    file: bytes | None = None


Prompt = Annotated[str, Meta(min_length=1, max_length=32_000)]
Look = Annotated[str, Meta(min_length=1, max_length=200)] | ImageReference
Source = Annotated[str, Meta(min_length=1, max_length=200)] | VideoReference
Moment = Annotated[float, Meta(ge=0, le=3600, description="Seconds from the beginning.")]


class Making(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every request for a new clip may say. What it does not say is left out of its fingerprint, so that one that
    is repeated across an update is still the same when requests may say more.
    """

    negative_prompt: Annotated[str, Meta(max_length=8_000)] = ""
    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)] | None = None
    n: Annotated[int, Meta(ge=1, le=4, description="Variations, each with a seed of its own.")] = 1
    quality: Quality = "full"
    preset: Annotated[str, Meta(min_length=1, max_length=100, description="A style, by its id.")] | None = None
    loras: Annotated[list[Lora], Meta(max_length=4, description="What the model has learnt besides.")] = []
    visibility: Visibility = "private"
    metadata: Annotated[dict[str, Any], Meta(max_length=16)] = {}


class Card(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a storyboard wants at second `at`: a prompt, a picture, or a clip that is kept as it is.

    A prompt lasts `until` a second; without it, until shortly before the next one begins. Where it lasts until the
    very moment when the next begins, the clip cuts.
    """

    at: Moment = 0.0
    until: Moment | None = None
    prompt: Prompt | None = None
    upload: Look | None = None
    video: Source | None = None


class VideoCreate(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip to be made from a sentence; if given, between pictures, along a storyboard, or without an end."""

    prompt: Prompt
    model: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    seconds: Annotated[int, Meta(ge=1, description="Length of the clip, as a number or as a string.")] = 4
    size: Size | None = None
    input_reference: Look | None = None
    first_frame: Look | None = None
    last_frame: Look | None = None
    storyboard: Annotated[list[Card], Meta(max_length=20)] = []
    loop: bool = False
    resize: Resize = "crop"


class ImageCreate(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture to be made from a sentence. Without a size it has the model's own."""

    prompt: Prompt
    model: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    size: Size | None = None
    response_format: Literal["url", "b64_json"] = "url"


class VideoRemix(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip made again by another prompt. `video` is for estimates, where no path names it."""

    prompt: Prompt
    strength: Strength = "mild"
    video: Source | None = None


class VideoEdit(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip changed where the prompt says otherwise; the rest is kept."""

    video: Source
    prompt: Prompt
    strength: Strength = "mild"


class VideoExtension(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip with `seconds` more at its end or before its beginning. Without a prompt it goes on by its own."""

    video: Source
    seconds: Annotated[int, Meta(ge=1, description="Seconds to add, as a number or as a string.")]
    direction: Direction = "forward"
    prompt: Prompt | None = None


class Stretch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a clip, in seconds from its beginning."""

    start: Moment = field(name="from")
    stop: Moment = field(name="to")


class VideoRecut(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some parts of a clip, and something new around them; as long as the clip unless `seconds` says otherwise."""

    video: Source
    keep: Annotated[list[Stretch], Meta(min_length=1, max_length=20)]
    seconds: Annotated[int, Meta(ge=1)] | None = None
    prompt: Prompt | None = None


class VideoBlend(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip that begins as one and ends as another. Without a prompt theirs give way to each other."""

    first: Source = field(name="from")
    second: Source = field(name="to")
    curve: Curve = "even"
    seconds: Annotated[int, Meta(ge=1)] = 4
    prompt: Prompt | None = None


class VideoLoop(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip that goes on from its end to its beginning; `length` says how much of it is made anew for that."""

    video: Source
    length: Length = "normal"
    prompt: Prompt | None = None


class PresetCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A style to be kept. One that is `shared` may be used by whoever has its id."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    prompt: Annotated[str, Meta(min_length=1, max_length=4_000)]
    negative_prompt: Annotated[str, Meta(max_length=2_000)] = ""
    picture: Look | None = None
    shared: bool = False


class PresetChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a preset; what is left out stays."""

    name: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    prompt: Annotated[str, Meta(min_length=1, max_length=4_000)] | None = None
    negative_prompt: Annotated[str, Meta(max_length=2_000)] | None = None
    shared: bool | None = None


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
