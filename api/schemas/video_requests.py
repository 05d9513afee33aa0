"""What creates a clip: one Struct for each body. Unknown fields are refused by name."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from api.schemas.videos import Audience, Lora, Quality, Resize
from engine.catalog.validation import MAX_SEED
from engine.planning.operations import Curve, Direction, Length
from engine.types import Strength

Size = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}\Z", description="Width x height in pixels.")]
PictureFormat = Literal["url", "b64_json"]


class ImageReference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture: a `data:` URL, as OpenAI's clients send it, an upload of one's own, or the bytes of a form's file."""

    image_url: Annotated[str, Meta(min_length=1, description="The picture as a `data:` URL.")] | None = None
    file_id: (
        Annotated[str, Meta(min_length=1, max_length=200, description="An upload of one's own, by its id.")] | None
    ) = None
    file: Annotated[bytes | None, Meta(description="The picture itself.")] = None


class VideoReference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video: one of one's own that is done or an uploaded film, a `data:` URL, or the bytes of a form's file."""

    id: Annotated[str, Meta(min_length=1, max_length=200, description="The id of a video.")] | None = None
    video_url: Annotated[str, Meta(min_length=1, description="The film as a `data:` URL.")] | None = None
    file: Annotated[bytes | None, Meta(description="The film itself.")] = None


Prompt = Annotated[str, Meta(min_length=1, max_length=32_000, description="What the clip shows, in a sentence.")]
PictureSource = Annotated[str, Meta(min_length=1, max_length=200, description="The id of an upload.")] | ImageReference
VideoSource = (
    Annotated[str, Meta(min_length=1, max_length=200, description="The id of a video, or of an upload.")]
    | VideoReference
)
Source = Annotated[VideoSource, Meta(description="The video it is made from: its id, `{id}`, or a film sent along.")]
ModelName = Annotated[
    str, Meta(min_length=1, max_length=200, description="The model that makes it; without one, the first that can.")
]
Moment = Annotated[float, Meta(ge=0, le=3600, description="Seconds from the beginning.")]


class Making(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every request for a new clip may say. What it does not say is left out of its fingerprint, so that one that
    is repeated across an update is still the same when requests may say more.
    """

    negative_prompt: Annotated[str, Meta(max_length=8_000, description="What the clip does not show.")] = ""
    seed: (
        Annotated[int, Meta(ge=0, le=MAX_SEED, description="Makes the same clip again; drawn if left out.")] | None
    ) = None
    n: Annotated[int, Meta(ge=1, le=4, description="Variations, each with a seed of its own.")] = 1
    quality: Annotated[Quality, Meta(description="How much work is put into it.")] = "full"
    preset: Annotated[str, Meta(min_length=1, max_length=100, description="A style, by its id.")] | None = None
    loras: Annotated[list[Lora], Meta(max_length=4, description="What the model has learnt besides.")] = []
    visibility: Annotated[Audience, Meta(description="Who may see it.")] = "private"
    metadata: Annotated[
        dict[str, Any], Meta(max_length=16, description="Anything of the caller's own; answers repeat it.")
    ] = {}


class Card(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a storyboard wants at second `at`: a prompt, a picture, or a clip that is kept as it is.

    A prompt lasts `until` a second; without it, until shortly before the next one begins. Where it lasts until the
    very moment when the next begins, the clip cuts.
    """

    at: Moment = 0.0
    until: Moment | None = None
    prompt: Prompt | None = None
    upload: Annotated[PictureSource | None, Meta(description="A picture that is shown then.")] = None
    video: Annotated[VideoSource | None, Meta(description="A clip that is kept as it is.")] = None


class VideoCreate(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip to be made from a sentence; if given, between pictures, along a storyboard, or without an end."""

    prompt: Prompt
    model: ModelName | None = None
    seconds: Annotated[int, Meta(ge=1, description="Length of the clip in seconds, as a number or as a string.")] = 4
    size: Size | None = None
    input_reference: Annotated[
        PictureSource | None, Meta(description="The same as `first_frame`, as OpenAI calls it.")
    ] = None
    first_frame: Annotated[PictureSource | None, Meta(description="A picture that the clip begins with.")] = None
    last_frame: Annotated[PictureSource | None, Meta(description="A picture that the clip ends with.")] = None
    storyboard: Annotated[list[Card], Meta(max_length=20, description="What the clip shows when.")] = []
    loop: Annotated[bool, Meta(description="Whether its end goes over into its beginning.")] = False
    resize: Annotated[Resize, Meta(description="How a picture of another shape is fitted.")] = "crop"


class ImageCreate(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture to be made from a sentence. Without a size it has the model's own."""

    prompt: Prompt
    model: ModelName | None = None
    size: Size | None = None
    response_format: Annotated[PictureFormat, Meta(description="How the pictures come back.")] = "url"


class VideoRemix(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip made again by another prompt. `video` is for estimates, where no path names it."""

    prompt: Prompt
    strength: Annotated[Strength, Meta(description="How much may change.")] = "mild"
    video: Source | None = None


class VideoEdit(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip changed where the prompt says otherwise; the rest is kept."""

    video: Source
    prompt: Prompt
    strength: Annotated[Strength, Meta(description="How much may change.")] = "mild"


class VideoExtension(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip with `seconds` more at its end or before its beginning. Without a prompt it goes on by its own."""

    video: Source
    seconds: Annotated[int, Meta(ge=1, description="Seconds to add, as a number or as a string.")]
    direction: Annotated[Direction, Meta(description="Whether they are added at the end or before the beginning.")] = (
        "forward"
    )
    prompt: Prompt | None = None


class Stretch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a clip, in seconds from its beginning."""

    start: Moment = field(name="from")
    stop: Moment = field(name="to")


class VideoRecut(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some parts of a clip, and something new around them; as long as the clip unless `seconds` says otherwise."""

    video: Source
    keep: Annotated[
        list[Stretch], Meta(min_length=1, max_length=20, description="The parts that are kept, in their order.")
    ]
    seconds: Annotated[int, Meta(ge=1, description="Length of the new clip in seconds.")] | None = None
    prompt: Prompt | None = None


class VideoBlend(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip that begins as one and ends as another. Without a prompt theirs give way to each other."""

    first: Annotated[VideoSource, Meta(description="The video it begins as.")] = field(name="from")
    second: Annotated[VideoSource, Meta(description="The video it ends as.")] = field(name="to")
    curve: Annotated[Curve, Meta(description="When the one gives way to the other.")] = "even"
    seconds: Annotated[int, Meta(ge=1, description="Length of the new clip in seconds.")] = 4
    prompt: Prompt | None = None


class VideoLoop(Making, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip that goes on from its end to its beginning; `length` says how much of it is made anew for that."""

    video: Source
    length: Annotated[Length, Meta(description="How much of it is made anew.")] = "normal"
    prompt: Prompt | None = None
