"""Request bodies that create videos and images. Unknown fields are rejected by name."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from api.schemas.videos import Audience, Lora, Quality, Resize
from engine.catalog.validation import MAX_SEED
from engine.planning.operations import Curve, Direction, Length
from engine.types import Strength

Size = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}\Z", description="Width x height in pixels, for example `1280x720`."
    ),
]
ImageResponseFormat = Literal["url", "b64_json"]


class ImageReference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image: exactly one of a `data:` URL, the id of an upload, or a file of a form."""

    image_url: Annotated[str, Meta(min_length=1, description="Image as a `data:` URL.")] | None = None
    file_id: Annotated[str, Meta(min_length=1, max_length=200, description="Id of an uploaded image.")] | None = None
    file: Annotated[bytes | None, Meta(description="Image file.")] = None


class VideoReference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video: exactly one of an id, a `data:` URL, or a file of a form."""

    id: (
        Annotated[str, Meta(min_length=1, max_length=200, description="Id of a completed or an uploaded video.")] | None
    ) = None
    video_url: Annotated[str, Meta(min_length=1, description="Video as a `data:` URL.")] | None = None
    file: Annotated[bytes | None, Meta(description="Video file.")] = None


Prompt = Annotated[str, Meta(min_length=1, max_length=32_000, description="Text description of the result.")]
ImageSource = (
    Annotated[str, Meta(min_length=1, description="Id of an uploaded image, or an image as a `data:` URL.")]
    | ImageReference
)
VideoSource = (
    Annotated[
        str, Meta(min_length=1, description="Id of a completed or an uploaded video, or a video as a `data:` URL.")
    ]
    | VideoReference
)
Source = Annotated[
    VideoSource, Meta(description="Source video: its id, as a string or as `{id}`, or a video sent with the request.")
]
ModelName = Annotated[
    str, Meta(min_length=1, max_length=200, description="Model to use. Default: the first that supports the operation.")
]
Moment = Annotated[float, Meta(ge=0, le=3600, description="Time in seconds from the start.")]


class CreateRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields of every request that creates a video or an image.

    Fields left out are not part of the fingerprint, so that a request repeated across an update that adds fields still
    has the same one.
    """

    prompt: Prompt | None = None
    negative_prompt: Annotated[
        str,
        Meta(
            max_length=8_000,
            description="Text description of what to avoid. Refused where the model and quality work without guidance.",
        ),
    ] = ""
    seed: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=MAX_SEED,
                description="Random seed. The same seed gives the same result; drawn at random if left out.",
            ),
        ]
        | None
    ) = None
    n: Annotated[int, Meta(ge=1, le=4, description="Number of variations, each with its own seed.")] = 1
    quality: Annotated[Quality, Meta(description="`full`, or `turbo` for fewer denoising steps.")] = "full"
    preset: Annotated[str, Meta(min_length=1, max_length=100, description="Id of a style preset.")] | None = None
    loras: Annotated[list[Lora], Meta(max_length=4, description="LoRAs to apply.")] = []
    visibility: Annotated[Audience, Meta(description="Who may see the result.")] = "private"
    metadata: Annotated[
        dict[str, Any], Meta(max_length=16, description="Data of the caller's own, returned unchanged with the video.")
    ] = {}


class StoryboardCard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a video shows from second `at`: a prompt, an image, or a video that is kept unchanged.

    A prompt applies until second `until`; if left out, until shortly before the next one starts. If it applies until
    exactly the start of the next one, the video cuts there.
    """

    at: Moment = 0.0
    until: Moment | None = None
    prompt: Prompt | None = None
    upload: Annotated[ImageSource | None, Meta(description="Image shown at that time.")] = None
    video: Annotated[VideoSource | None, Meta(description="Video kept unchanged from that time on.")] = None


class VideoCreate(CreateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Video to generate from a text prompt and, optionally, images or a storyboard."""

    prompt: Prompt
    model: ModelName | None = None
    seconds: Annotated[int, Meta(ge=1, description="Duration in seconds, as a number or a string.")] = 4
    size: Size | None = None
    input_reference: Annotated[ImageSource | None, Meta(description="OpenAI's name for `first_frame`.")] = None
    first_frame: Annotated[ImageSource | None, Meta(description="Image for the first frame.")] = None
    last_frame: Annotated[ImageSource | None, Meta(description="Image for the last frame.")] = None
    storyboard: Annotated[
        list[StoryboardCard], Meta(max_length=20, description="What the video shows at which time.")
    ] = []
    loop: Annotated[bool, Meta(description="Whether the end leads seamlessly into the beginning.")] = False
    resize: Annotated[Resize, Meta(description="How an image of another aspect ratio is fitted into the frame.")] = (
        "crop"
    )


class ImageCreate(CreateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Image to generate from a text prompt. Without `size` it has the model's default size."""

    prompt: Prompt
    model: ModelName | None = None
    size: Size | None = None
    response_format: Annotated[
        ImageResponseFormat, Meta(description="Whether images are returned as a URL or in base 64.")
    ] = "url"


class VideoRemix(CreateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Remix of a video. `video` is needed only in estimates, where the path does not name it."""

    prompt: Prompt
    strength: Annotated[Strength, Meta(description="How much of the source may change.")] = "mild"
    video: Source | None = None


class VideoEdit(CreateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Edit of a video. What the prompt does not mention is kept."""

    video: Source
    prompt: Prompt
    strength: Annotated[Strength, Meta(description="How much of the source may change.")] = "mild"


class VideoExtension(CreateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Extension of a video. Without `prompt`, the prompt of the source is used."""

    video: Source
    seconds: Annotated[int, Meta(ge=1, description="Seconds to add, as a number or a string.")]
    direction: Annotated[
        Direction,
        Meta(description="Whether to add them after the end (`forward`) or before the beginning (`backward`)."),
    ] = "forward"


class TimeRange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a video, in seconds from its start."""

    start: Moment = field(name="from")
    stop: Moment = field(name="to")


class VideoRecut(CreateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Re-cut of a video: some parts are kept, the rest is generated anew."""

    video: Source
    keep: Annotated[
        list[TimeRange], Meta(min_length=1, max_length=20, description="Parts to keep, in order and without overlap.")
    ]
    seconds: (
        Annotated[int, Meta(ge=1, description="Duration of the new video, in seconds; that of the source if left out.")]
        | None
    ) = None


class VideoBlend(CreateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Blend of two videos. Without `prompt`, the prompts of both are used, one after the other."""

    first: Annotated[VideoSource, Meta(description="Video to begin with.")] = field(name="from")
    second: Annotated[VideoSource, Meta(description="Video to end with.")] = field(name="to")
    curve: Annotated[Curve, Meta(description="When the first video gives way to the second.")] = "even"
    seconds: Annotated[int, Meta(ge=1, description="Duration of the new video, in seconds.")] = 4


class VideoLoop(CreateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seamless loop of a video."""

    video: Source
    length: Annotated[Length, Meta(description="How much of the source is generated anew to close the loop.")] = (
        "normal"
    )
