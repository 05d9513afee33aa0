"""Response bodies of videos, images and estimates."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
TERMINAL_STATUSES: Final[frozenset[Status]] = frozenset({"completed", "failed", "cancelled"})
Variant = Literal["video", "thumbnail", "spritesheet", "poster"]
Quality = Literal["turbo", "full"]
Resize = Literal["crop", "pad"]
Audience = Literal["private", "unlisted", "public"]
CostState = Literal["held", "settled", "released"]
ProvenanceState = Literal["pending", "unsigned"]


class Lora(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA and its weight."""

    name: Annotated[str, Meta(min_length=1, max_length=64, description="Name of the LoRA, one of the model's `loras`.")]
    weight: Annotated[
        float, Meta(ge=-2, le=2, description="Weight: 0 has no effect, 1 is the strength it was trained for.")
    ] = 1.0


class Cost(Struct, frozen=True):
    """Cost of a video in credits."""

    credits: Annotated[int, Meta(description="Credits held, charged or released, according to `state`.")]
    state: Annotated[
        CostState,
        Meta(description="`held` while the job runs, then `settled` (charged in full or in part) or `released`."),
    ]
    relaxed: Annotated[
        bool,
        Meta(description="Whether it is free of charge and waits for all other jobs, the plan's credits being spent."),
    ]


class Assets(Struct, frozen=True):
    """Signed URLs that need no further credentials; each is null until the file exists."""

    video: Annotated[str | None, Meta(description="The video, as MP4.")] = None
    thumbnail: Annotated[str | None, Meta(description="Small still image, as WebP.")] = None
    poster: Annotated[str | None, Meta(description="Still image in full size, as JPEG.")] = None
    spritesheet: Annotated[
        str | None, Meta(description="Small stills of the whole video in one JPEG, for scrubbing.")
    ] = None
    stream: Annotated[str | None, Meta(description="HLS playlist, playable while the video is being generated.")] = None
    preview: Annotated[
        str | None,
        Meta(
            description="Small image of the part being generated, as JPEG; null again once that part can be streamed."
        ),
    ] = None


class Provenance(Struct, frozen=True):
    """Signed statement of origin in the file."""

    state: Annotated[
        ProvenanceState,
        Meta(description="`pending` while the job runs; `unsigned` if the final file carries no signature."),
    ]


class VideoError(Struct, frozen=True):
    """Failure of a video in the form OpenAI's clients expect."""

    code: Annotated[str, Meta(description="Machine-readable failure code, for example `out_of_memory`.")]
    message: Annotated[str, Meta(description="Human-readable description of the failure.")]


class Failure(Struct, frozen=True):
    """Failure of a video."""

    code: Annotated[str, Meta(description="Machine-readable failure code, for example `out_of_memory`.")]
    retryable: Annotated[bool, Meta(description="Whether the same request may succeed if it is sent again.")]
    refunded: Annotated[bool, Meta(description="Whether the credits were returned.")]
    user_message: Annotated[str, Meta(description="Description of the failure for the user, in their language.")]


class Video(Struct, frozen=True, kw_only=True):
    """A video or image and the job that generates it."""

    id: str
    object: Literal["video"] = "video"
    kind: Annotated[str, Meta(description="`video` or `image`.")]
    model: Annotated[str, Meta(description="Model, as named in the request.")]
    status: Annotated[
        Status,
        Meta(description="State of the job: `queued`, then `in_progress`, then `completed`, `failed` or `cancelled`."),
    ]
    progress: Annotated[int, Meta(ge=0, le=100, description="Progress of the job, in percent.")]
    created_at: int
    updated_at: int
    started_at: Annotated[
        int | None, Meta(description="Time at which a worker started the job, in Unix seconds; null before.")
    ]
    completed_at: Annotated[int | None, Meta(description="Time at which the job ended, in Unix seconds; null before.")]
    expires_at: Annotated[
        int | None,
        Meta(description="Time at which the files are deleted, in Unix seconds; null until the video is completed."),
    ]
    prompt: Annotated[str, Meta(description="Prompt of the request.")]
    negative_prompt: Annotated[str, Meta(description="Negative prompt of the request.")]
    revised_prompt: Annotated[
        str | None, Meta(description="Prompt as given to the model; null if it is the same as `prompt`.")
    ] = None
    preset: Annotated[str | None, Meta(description="Id of the style preset; null if there is none.")] = None
    loras: Annotated[list[Lora], Meta(description="LoRAs applied.")] = []
    seconds: Annotated[str, Meta(description="Duration in seconds, as a string.")]
    size: Annotated[str, Meta(description="Width x height in pixels.")]
    seed: Annotated[int, Meta(description="Random seed; the same seed gives the same result.")]
    quality: Annotated[Quality, Meta(description="Quality of the request.")]
    remixed_from_video_id: Annotated[str | None, Meta(description="Id of the source of a remix; null otherwise.")] = (
        None
    )
    parents: Annotated[list[str], Meta(description="Ids of the source videos.")] = []
    variations: Annotated[list[str], Meta(description="Ids of all videos of the same request, this one included.")]
    queue_position: Annotated[
        int | None, Meta(description="Number of jobs ahead in the queue; null unless `status` is `queued`.")
    ]
    eta_seconds: Annotated[
        int | None, Meta(description="Estimated remaining time, in seconds; null if there is no estimate.")
    ]
    cost: Annotated[Cost, Meta(description="Cost in credits.")]
    assets: Annotated[Assets, Meta(description="URLs of the files.")]
    provenance: Annotated[Provenance, Meta(description="Signed statement of origin in the file.")]
    visibility: Annotated[Audience, Meta(description="Who may see the video.")]
    metadata: Annotated[dict[str, Any], Meta(description="Data of the caller's own, as sent with the request.")]
    error: Annotated[
        VideoError | None,
        Meta(description="Failure in the form OpenAI's clients expect; null unless `status` is `failed`."),
    ]
    failure: Annotated[Failure | None, Meta(description="Failure; null unless `status` is `failed`.")]


class GeneratedImage(Struct, frozen=True, kw_only=True):
    """A generated image."""

    id: Annotated[str, Meta(description="Id of the image, valid for the `/videos` routes.")]
    url: Annotated[str | None, Meta(description="Signed URL of the JPEG; null if `response_format` is `b64_json`.")]
    b64_json: Annotated[str | None, Meta(description="The JPEG in base 64; null if `response_format` is `url`.")]
    revised_prompt: Annotated[str, Meta(description="Prompt as given to the model.")]


class ImagesResponse(Struct, frozen=True, kw_only=True):
    """Generated images."""

    created: Annotated[int, Meta(description="Time of creation, in Unix seconds.")]
    output_format: Annotated[Literal["jpeg"], Meta(description="File format of the images.")] = "jpeg"
    data: Annotated[list[GeneratedImage], Meta(description="Images, one for each variation.")]


class Refusal(Struct, frozen=True):
    """A problem that would reject the request."""

    code: Annotated[str, Meta(description="Machine-readable problem code.")]
    param: Annotated[
        str | None, Meta(description="Name of the invalid field; null if the problem concerns no single field.")
    ]
    detail: Annotated[str, Meta(description="Explanation and how to resolve it.")]


class Estimate(Struct, frozen=True, kw_only=True):
    """Cost and duration of a request, without carrying it out."""

    object: Literal["estimate"] = "estimate"
    credits: Annotated[
        int | None,
        Meta(description="Credits for all variations; null if the request is rejected before its price is known."),
    ]
    relaxed: Annotated[
        bool, Meta(description="Whether the video would be free of charge and generated when no other job is waiting.")
    ]
    eta_seconds: Annotated[
        int | None,
        Meta(
            description="Estimated seconds to generate all variations once a worker starts; null if `credits` is null."
        ),
    ]
    refusals: Annotated[
        list[Refusal], Meta(description="Problems that would reject the request; empty if it would be accepted.")
    ]
