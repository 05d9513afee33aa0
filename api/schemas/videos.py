"""A video as it travels, and what is said of one before it is made."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
Variant = Literal["video", "thumbnail", "spritesheet", "poster"]
Quality = Literal["turbo", "full"]
Resize = Literal["crop", "pad"]
Audience = Literal["private", "unlisted", "public"]
CostState = Literal["held", "settled", "released"]
ProvenanceState = Literal["pending", "unsigned"]


class Lora(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA that the model has here, by its name; a weight of 0 is nothing of it, 1 what it was trained for."""

    name: Annotated[str, Meta(min_length=1, max_length=64, description="Its name, as the model's `loras` have it.")]
    weight: Annotated[float, Meta(ge=-2, le=2, description="How much of it.")] = 1.0


class Cost(Struct, frozen=True):
    """Credits set aside for the video, and what became of them. After a part-settle, `credits` is what was charged.

    A `relaxed` video costs none: its plan's credits are spent, and it is made when nobody else waits.
    """

    credits: Annotated[int, Meta(description="Whole credits.")]
    state: Annotated[CostState, Meta(description="What became of them.")]
    relaxed: Annotated[bool, Meta(description="Whether it is made for nothing, when nobody else waits.")]


class Assets(Struct, frozen=True):
    """Signed URLs a player can open without a token; null until there is something to fetch. `preview` is a small
    picture of what is being made, a guess: null before there is one, and again once what it shows can be watched.
    """

    video: Annotated[str | None, Meta(description="The MP4.")] = None
    thumbnail: Annotated[str | None, Meta(description="A small still, as WebP.")] = None
    poster: Annotated[str | None, Meta(description="A still as large as the clip, as JPEG.")] = None
    spritesheet: Annotated[
        str | None, Meta(description="Small stills from the whole clip on one JPEG, to scrub through.")
    ] = None
    stream: Annotated[str | None, Meta(description="An HLS playlist that can be played while the clip is made.")] = None
    preview: Annotated[str | None, Meta(description="A guess at what is being made, as JPEG.")] = None


class Provenance(Struct, frozen=True):
    """Whether the file says by a signature where it comes from: `pending` while it is made, `unsigned` once it is final
    and carries none.
    """

    state: Annotated[ProvenanceState, Meta(description="Whether the file is signed.")]


class VideoError(Struct, frozen=True):
    """Why it failed, as OpenAI's clients read it."""

    code: Annotated[str, Meta(description="One word of a closed list.")]
    message: Annotated[str, Meta(description="What went wrong, in a sentence.")]


class Failure(Struct, frozen=True):
    """Why it failed: whether asking again may help, whether credits came back, and a sentence for the person."""

    code: Annotated[str, Meta(description="One word of a closed list.")]
    retryable: Annotated[bool, Meta(description="Whether asking for the same again may help.")]
    refunded: Annotated[bool, Meta(description="Whether the credits came back.")]
    user_message: Annotated[str, Meta(description="A sentence for the person who waits, in their language.")]


class Video(Struct, frozen=True, kw_only=True):
    """A video and its job. `status` goes queued → in_progress → completed, failed or cancelled."""

    id: Annotated[str, Meta(description="Its id.")]
    object: Annotated[Literal["video"], Meta(description="What kind of object this is.")] = "video"
    kind: Annotated[str, Meta(description="`video`, or `image` for a still.")]
    model: Annotated[str, Meta(description="The model that makes it, as the request named it.")]
    status: Annotated[Status, Meta(description="How far the job is.")]
    progress: Annotated[int, Meta(ge=0, le=100, description="Percent of the work that is done.")]
    created_at: Annotated[int, Meta(description="When it was asked for, in Unix seconds.")]
    updated_at: Annotated[int, Meta(description="When it last changed, in Unix seconds.")]
    started_at: Annotated[int | None, Meta(description="When a worker began with it, in Unix seconds.")]
    completed_at: Annotated[int | None, Meta(description="When it was done, in Unix seconds.")]
    expires_at: Annotated[int | None, Meta(description="When its files go, in Unix seconds.")]
    prompt: Annotated[str, Meta(description="What it was asked to show.")]
    negative_prompt: Annotated[str, Meta(description="What it was asked not to show.")]
    revised_prompt: Annotated[
        str | None, Meta(description="The prompt as the model got it, where that is another.")
    ] = None
    preset: Annotated[str | None, Meta(description="The id of the style it was made in.")] = None
    loras: Annotated[list[Lora], Meta(description="The LoRAs it was made with.")] = []
    seconds: Annotated[str, Meta(description="Length of the clip in seconds, as a string.")]
    size: Annotated[str, Meta(description="Width x height in pixels.")]
    seed: Annotated[
        int, Meta(description="The number its noise was drawn from; the same one makes the same clip again.")
    ]
    quality: Annotated[Quality, Meta(description="How much work was put into it.")]
    remixed_from_video_id: Annotated[str | None, Meta(description="The id of the video it was remixed from.")] = None
    parents: Annotated[list[str], Meta(description="The ids of the videos it was made from.")] = []
    variations: Annotated[list[str], Meta(description="The ids of all videos of the same request.")]
    queue_position: Annotated[int | None, Meta(description="How many jobs go before it; null once it is not queued.")]
    eta_seconds: Annotated[
        int | None, Meta(description="About how many seconds it still takes; null if it is not to be said.")
    ]
    cost: Annotated[Cost, Meta(description="What it costs.")]
    assets: Annotated[Assets, Meta(description="Where its files are.")]
    provenance: Annotated[Provenance, Meta(description="Whether its file says where it comes from.")]
    visibility: Annotated[Audience, Meta(description="Who may see it.")]
    metadata: Annotated[dict[str, Any], Meta(description="What the request attached to it.")]
    error: Annotated[VideoError | None, Meta(description="Why it failed, for OpenAI's clients; null if it did not.")]
    failure: Annotated[Failure | None, Meta(description="Why it failed; null if it did not.")]


class Picture(Struct, frozen=True, kw_only=True):
    """A picture, by a URL that opens for a while or as base 64; `id` finds it among one's videos."""

    id: Annotated[str, Meta(description="Its id among one's videos.")]
    url: Annotated[str | None, Meta(description="A signed URL of the JPEG; null if base 64 was asked for.")]
    b64_json: Annotated[str | None, Meta(description="The JPEG in base 64; null unless that was asked for.")]
    revised_prompt: Annotated[str, Meta(description="The prompt as the model got it.")]


class Pictures(Struct, frozen=True, kw_only=True):
    """Pictures that were made."""

    created: Annotated[int, Meta(description="When they were asked for, in Unix seconds.")]
    output_format: Annotated[Literal["jpeg"], Meta(description="The format of the files.")] = "jpeg"
    data: Annotated[list[Picture], Meta(description="One for each variation.")]


class Refusal(Struct, frozen=True):
    """One reason why a create with this body would be refused."""

    code: Annotated[str, Meta(description="The kind of problem, one word for each.")]
    param: Annotated[str | None, Meta(description="The field at fault.")]
    detail: Annotated[str, Meta(description="What is wrong, and what can be done about it.")]


class Estimate(Struct, frozen=True, kw_only=True):
    """What a create with this body would cost and take; `refusals` is empty if it would be accepted.

    It would be `relaxed` if the credits are spent and the plan makes videos all the same, when nobody else waits.
    """

    object: Annotated[Literal["estimate"], Meta(description="What kind of object this is.")] = "estimate"
    credits: Annotated[
        int | None,
        Meta(description="Whole credits for all variations; null if it would be refused before it has a price."),
    ]
    relaxed: Annotated[bool, Meta(description="Whether it would be made for nothing, when nobody else waits.")]
    eta_seconds: Annotated[
        int | None,
        Meta(description="About how many seconds all variations take once a worker begins; null as for `credits`."),
    ]
    refusals: Annotated[list[Refusal], Meta(description="Every reason why it would be refused.")]
