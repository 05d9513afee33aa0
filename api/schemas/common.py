"""What travels: the objects answers are made of. Frozen Structs, no behaviour.

Times are Unix seconds; `None` is written as null. Requests are in `inputs`.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import Meta, Struct

T = TypeVar("T")

# Every enumeration has a name here or in `inputs`, by which the document knows it too.
Status = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
Variant = Literal["video", "thumbnail", "spritesheet", "poster"]
Quality = Literal["turbo", "full"]
Resize = Literal["crop", "pad"]
Audience = Literal["private", "unlisted", "public"]
UploadKind = Literal["image", "video", "unknown"]
UploadStatus = Literal["receiving", "ready", "refused"]
CheckoutKind = Literal["subscription", "pack"]
CostState = Literal["held", "settled", "released"]
Bucket = Literal["allowance", "purchased", "overage"]
EntryKind = Literal["grant", "purchase", "hold", "settle", "release", "expire", "refund", "dispute"]
ProvenanceState = Literal["pending", "unsigned"]
PicturePlaces = Literal["none", "first", "ends", "any"]
HealthStatus = Literal["ok", "degraded", "down"]
ListOrder = Literal["asc", "desc"]


class ErrorMember(Struct, frozen=True):
    """The error as OpenAI's clients read it."""

    message: Annotated[str, Meta(description="What is wrong, in a sentence.")]
    type: Annotated[str, Meta(description="The kind of error, in OpenAI's words.")]
    param: Annotated[str | None, Meta(description="The field at fault.")]
    code: Annotated[str, Meta(description="The kind of problem, one word for each.")]


class ProblemBody(Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457). `param` names the field at fault; `cost`, `available` and others may follow."""

    type: Annotated[str, Meta(description="A URI that names the kind of problem.")]
    title: Annotated[str, Meta(description="The kind of problem, in a few words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What is wrong, and what can be done about it.")]
    instance: Annotated[str, Meta(description="The request's id.")]
    param: Annotated[str | None, Meta(description="The field at fault, as a path with dots.")] = None
    error: Annotated[ErrorMember, Meta(description="The same for OpenAI's clients.")]


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: Annotated[Literal["list"], Meta(description="What kind of object this is.")] = "list"
    data: Annotated[list[T], Meta(description="The items of this page, in the order asked for.")]
    first_id: Annotated[str | None, Meta(description="The id of the first item.")]
    last_id: Annotated[str | None, Meta(description="The id of the last item, from which the next page goes on.")]
    has_more: Annotated[bool, Meta(description="Whether another page follows.")]


class Deleted(Struct, frozen=True, kw_only=True):
    """The answer to a delete."""

    id: Annotated[str, Meta(description="What was deleted.")]
    object: Annotated[str, Meta(description="What kind of object it was, followed by `.deleted`.")]
    deleted: Annotated[bool, Meta(description="Always true.")] = True


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


class Preset(Struct, frozen=True, kw_only=True):
    """A style: words that are added to a prompt and, if it has one, a picture whose look clips start from."""

    id: Annotated[str, Meta(description="Its id, which requests name as `preset`.")]
    object: Annotated[Literal["preset"], Meta(description="What kind of object this is.")] = "preset"
    name: Annotated[str, Meta(description="What a person calls it.")]
    prompt: Annotated[str, Meta(description="Words that are added to a prompt.")]
    negative_prompt: Annotated[str, Meta(description="Words that are added to a negative prompt.")]
    picture: Annotated[str | None, Meta(description="The path of its reference picture, a PNG; null if it has none.")]
    built_in: Annotated[bool, Meta(description="Whether it comes with Kinora.")]
    own: Annotated[bool, Meta(description="Whether it is the caller's own.")]
    shared: Annotated[bool, Meta(description="Whether whoever has its id may use it.")]
    created_at: Annotated[int, Meta(description="When it was made, in Unix seconds; 0 if it is built in.")]
    updated_at: Annotated[int, Meta(description="When it last changed, in Unix seconds; 0 if it is built in.")]


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


class Limits(Struct, frozen=True, kw_only=True):
    """What one request to this model may ask."""

    max_seconds: Annotated[int, Meta(description="The longest clip, in seconds.")]
    min_side: Annotated[int, Meta(description="The shortest side, in pixels.")]
    max_side: Annotated[int, Meta(description="The longest side, in pixels.")]
    side_multiple: Annotated[int, Meta(description="Both sides are multiples of so many pixels.")]
    max_upload_bytes: Annotated[int, Meta(description="The largest file, in bytes.")]
    max_upload_pixels: Annotated[int, Meta(description="The largest picture: width x height, in pixels.")]
    max_film_pixels: Annotated[int, Meta(description="The largest frame of a film: width x height, in pixels.")]
    max_film_seconds: Annotated[float, Meta(description="The longest film that may be sent, in seconds.")]


class Model(Struct, frozen=True, kw_only=True):
    """A model served here and what it can do. Sizes are `WxH`; the first is the default.

    `repo` is where its weights are published, null where they ship with Kinora or are the operator's own.
    `memory_gb` is of the device, with all weights on it. It is denoised at `native_sizes`, in frames of the form
    `frame_rule` × k + 1; files have the size and the length asked for. `pictures` says where a clip may be given any:
    nowhere, at its first frame, at either end, or anywhere.
    """

    id: Annotated[str, Meta(description="Its name, which requests give as `model`.")]
    object: Annotated[Literal["model"], Meta(description="What kind of object this is.")] = "model"
    title: Annotated[str, Meta(description="Its name for people.")]
    description: Annotated[str, Meta(description="What it is, in a sentence.")]
    created: Annotated[int, Meta(description="When it was published, in Unix seconds.")]
    owned_by: Annotated[str, Meta(description="Who made it.")]
    repo: Annotated[
        str | None,
        Meta(
            description="Where its weights are published; null where they ship with Kinora or are the operator's own."
        ),
    ]
    licence: Annotated[str, Meta(description="Its licence, by its SPDX name where it has one.")]
    licence_url: Annotated[str, Meta(description="Where the licence can be read.")]
    memory_gb: Annotated[float, Meta(description="Memory of the device with all weights on it, in GB.")]
    memory_estimated: Annotated[bool, Meta(description="Whether that was estimated and not measured.")]
    fps: Annotated[float, Meta(description="Frames in a second.")]
    frame_rule: Annotated[int, Meta(description="It denoises so many frames times k, and one.")]
    sizes: Annotated[
        list[str], Meta(description="Sizes that suit it, as width x height in pixels; the first is the default.")
    ]
    native_sizes: Annotated[list[str], Meta(description="The sizes it denoises at, in pixels.")]
    pictures: Annotated[PicturePlaces, Meta(description="Where a clip may be given pictures.")]
    operations: Annotated[list[str], Meta(description="What it can do.")]
    qualities: Annotated[list[Quality], Meta(description="The qualities it can be asked for.")]
    loras: Annotated[list[str], Meta(description="The LoRAs it has here.")]
    limits: Annotated[Limits, Meta(description="What one request may ask of it.")]
    aliases: Annotated[list[str], Meta(description="Other names that it answers to.")]


class User(Struct, frozen=True, kw_only=True):
    """The person signed in."""

    id: Annotated[str, Meta(description="Their id.")]
    object: Annotated[Literal["user"], Meta(description="What kind of object this is.")] = "user"
    email: Annotated[str, Meta(description="Their e-mail address.")]
    email_verified: Annotated[bool, Meta(description="Whether it is known to be theirs.")]
    name: Annotated[str, Meta(description="What they want to be called.")]
    locale: Annotated[str, Meta(description="The language of texts meant for them.")]
    plan: Annotated[str, Meta(description="The id of their plan.")]
    created_at: Annotated[int, Meta(description="When they signed up, in Unix seconds.")]


class Tokens(Struct, frozen=True, kw_only=True):
    """A fresh pair. The access token is sent as a bearer for `expires_in` seconds; the refresh token works once."""

    access_token: Annotated[str, Meta(description="Sent as a bearer with every request.")]
    token_type: Annotated[Literal["bearer"], Meta(description="How the access token is sent.")] = "bearer"  # noqa: S105 (the kind, not a token)
    expires_in: Annotated[int, Meta(description="How long the access token works, in seconds.")]
    refresh_token: Annotated[str, Meta(description="Exchanged, once, for the next pair.")]
    user: Annotated[User, Meta(description="Who is signed in.")]


class Session(Struct, frozen=True, kw_only=True):
    """A device that is signed in."""

    id: Annotated[str, Meta(description="Its id.")]
    object: Annotated[Literal["session"], Meta(description="What kind of object this is.")] = "session"
    user_agent: Annotated[str, Meta(description="What the device calls itself.")]
    created_at: Annotated[int, Meta(description="When it signed in, in Unix seconds.")]
    used_at: Annotated[int, Meta(description="When it last asked for anything, in Unix seconds.")]
    expires_at: Annotated[int, Meta(description="When it is signed out unless it is used, in Unix seconds.")]
    current: Annotated[bool, Meta(description="Whether it is the device that asks.")]


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key without its secret; `hint` is the end of it."""

    id: Annotated[str, Meta(description="Its id, which is no secret.")]
    object: Annotated[Literal["api_key"], Meta(description="What kind of object this is.")] = "api_key"
    name: Annotated[str, Meta(description="What its owner calls it.")]
    scopes: Annotated[list[str], Meta(description="What it may do.")]
    hint: Annotated[str, Meta(description="The last characters of the key.")]
    created_at: Annotated[int, Meta(description="When it was made, in Unix seconds.")]
    used_at: Annotated[int | None, Meta(description="When it was last used, in Unix seconds; null if never.")]


class NewApiKey(ApiKey, frozen=True, kw_only=True):
    """An API key as its creation answers it: the only time `key` is shown. A replay has null there."""

    key: Annotated[str | None, Meta(description="The key itself; null in a replay.")]


class Amount(Struct, frozen=True, kw_only=True):
    """Credits in a bucket; an allowance goes when its period ends."""

    amount: Annotated[int, Meta(description="Whole credits.")]
    expires_at: Annotated[int | None, Meta(description="When they go, in Unix seconds; null if never.")] = None


class Overage(Struct, frozen=True, kw_only=True):
    """Credits used above what is there, paid afterwards: up to `cap` in a period, of which so many were charged."""

    enabled: Annotated[bool, Meta(description="Whether it is switched on.")] = False
    cap: Annotated[int, Meta(description="How many credits may be used so in a period.")] = 0
    used: Annotated[int, Meta(description="How many were used so in this one.")] = 0


class Buckets(Struct, frozen=True, kw_only=True):
    """The balance by where it came from."""

    allowance: Annotated[Amount, Meta(description="Granted for a period.")]
    purchased: Annotated[Amount, Meta(description="Bought; these never expire.")]
    overage: Annotated[Overage, Meta(description="Used above what is there.")]


class Balance(Struct, frozen=True, kw_only=True):
    """Whole credits. `available` is what a new video may take now."""

    object: Annotated[Literal["balance"], Meta(description="What kind of object this is.")] = "balance"
    available: Annotated[int, Meta(description="What a new video may take now.")]
    held: Annotated[int, Meta(description="Set aside for videos that are being made.")]
    buckets: Annotated[Buckets, Meta(description="Where the credits lie.")]


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """One movement as the balance feels it; the amounts of all entries sum to `available`. `invoice` is the shop's name
    for what paid for it, and `note` a sentence for the person where a movement needs one.
    """

    id: Annotated[str, Meta(description="Its id.")]
    object: Annotated[Literal["ledger_entry"], Meta(description="What kind of object this is.")] = "ledger_entry"
    created_at: Annotated[int, Meta(description="When it was written, in Unix seconds.")]
    kind: Annotated[EntryKind, Meta(description="What happened.")]
    bucket: Annotated[Bucket, Meta(description="Where the credits lie.")]
    amount: Annotated[int, Meta(description="Whole credits; below 0 they went.")]
    video_id: Annotated[str | None, Meta(description="The video it was for; null if it was for none.")]
    invoice: Annotated[str | None, Meta(description="What the shop calls the bill that paid for it; null if none did.")]
    note: Annotated[str | None, Meta(description="A sentence for the person, where a movement needs one.")]


class Plan(Struct, frozen=True, kw_only=True):
    """What a plan costs and allows, as it is sold now. `amount` is a month's price in the currency's smallest unit.

    Credits are a month's; a trial has its own. `max_short_side` is of the picture, in pixels; `concurrency` is clips
    made at once. Clips carry a visible mark if `marked`; a `relaxed` plan makes clips when nobody else waits even once
    its credits are spent. A larger `priority` is served first.
    """

    id: Annotated[str, Meta(description="Its name.")]
    object: Annotated[Literal["plan"], Meta(description="What kind of object this is.")] = "plan"
    version: Annotated[int, Meta(description="The version that is sold now; who bought another keeps it.")]
    amount: Annotated[int, Meta(description="A month's price, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    monthly_credits: Annotated[int, Meta(description="Whole credits a month.")]
    trial_days: Annotated[int, Meta(description="Days that are free at first, once for a person.")]
    trial_credits: Annotated[int, Meta(description="Whole credits of a trial.")]
    max_short_side: Annotated[int, Meta(description="The longest short side of a picture, in pixels.")]
    max_seconds: Annotated[int, Meta(description="The longest clip, in seconds.")]
    concurrency: Annotated[int, Meta(description="How many clips are made at once.")]
    priority: Annotated[int, Meta(description="A larger one is served first.")]
    retention_days: Annotated[int, Meta(description="How many days files are kept.")]
    marked: Annotated[bool, Meta(description="Whether clips carry the visible mark.")]
    relaxed: Annotated[
        bool, Meta(description="Whether clips are made when nobody else waits even once the credits are spent.")
    ]


class Pack(Struct, frozen=True, kw_only=True):
    """Credits that never expire, and what they cost in the currency's smallest unit."""

    id: Annotated[str, Meta(description="Its name.")]
    object: Annotated[Literal["pack"], Meta(description="What kind of object this is.")] = "pack"
    version: Annotated[int, Meta(description="The version that is sold now.")]
    credits: Annotated[int, Meta(description="Whole credits.")]
    amount: Annotated[int, Meta(description="Its price, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]


class OverageTerms(Struct, frozen=True, kw_only=True):
    """Credits used above what is there and paid afterwards: what one costs in the currency's smallest unit, as a
    decimal text; how many a person may allow in a period, and how many it is unless they say.
    """

    amount: Annotated[str, Meta(description="What a credit costs in the currency's smallest unit, as a decimal text.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    max_cap: Annotated[int, Meta(description="The most credits a person may allow in a period.")]
    default_cap: Annotated[int, Meta(description="The credits in a period unless the person says.")]


class PriceTier(Struct, frozen=True):
    """Credits that a second costs up to this short side of the picture, in pixels; null is for all beyond."""

    max_short_side: Annotated[
        int | None, Meta(description="The longest short side it is for, in pixels; null is for all beyond.")
    ]
    rate: Annotated[float, Meta(description="Credits that a second costs.")]


class PriceFactors(Struct, frozen=True, kw_only=True):
    """How a clip's price comes about: seconds × rate × quality × model × operation, rounded up, 1 credit at least, for
    each variation. Seconds are those that are made anew, `least_seconds` at least, and a still has none. A model or an
    operation that is not named has the factor 1.
    """

    tiers: Annotated[list[PriceTier], Meta(description="Credits for a second, by the size of the picture.")]
    quality: Annotated[dict[Quality, float], Meta(description="The factor of each quality.")]
    models: Annotated[dict[str, float], Meta(description="The factors of models; 1 for those not named.")]
    operations: Annotated[dict[str, float], Meta(description="The factors of operations; 1 for those not named.")]
    least_seconds: Annotated[float, Meta(description="Seconds that count at least.")]


class Plans(Page[Plan], frozen=True, kw_only=True):
    """The plans, and with them everything else that is sold: packs of credits, overage, and what work costs."""

    packs: Annotated[list[Pack], Meta(description="Packs of credits.")]
    overage: Annotated[OverageTerms, Meta(description="Credits used above what is there.")]
    prices: Annotated[PriceFactors, Meta(description="What work costs.")]


class Checkout(Struct, frozen=True, kw_only=True):
    """A page to pay at, open until `expires_at`. `item` is the plan or the pack; `amount` is of the currency's smallest
    unit, a month for a plan, whose first `trial_days` are free.
    """

    id: Annotated[str, Meta(description="Its id.")]
    object: Annotated[Literal["checkout"], Meta(description="What kind of object this is.")] = "checkout"
    kind: Annotated[CheckoutKind, Meta(description="What is bought.")]
    item: Annotated[str, Meta(description="The plan or the pack, by its name.")]
    quantity: Annotated[int, Meta(description="How many.")]
    amount: Annotated[int, Meta(description="What is to pay, in the currency's smallest unit; a month for a plan.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    trial_days: Annotated[int, Meta(description="Days that are free at first.")]
    url: Annotated[str, Meta(description="The page, to be opened in a browser.")]
    expires_at: Annotated[int, Meta(description="When the page closes, in Unix seconds.")]


class Portal(Struct, frozen=True, kw_only=True):
    """A page at which bills, cards and the end of a subscription are looked after. It opens once, for a short while."""

    object: Annotated[Literal["portal"], Meta(description="What kind of object this is.")] = "portal"
    url: Annotated[str, Meta(description="The page, to be opened in a browser at once.")]


class Subscription(Struct, frozen=True, kw_only=True):
    """What somebody is subscribed to; all null but the plan for who is not.

    It ends at `cancel_at`, or goes on as `next_plan` when the period is over. `past_due` and `unpaid` wait for a
    payment: the portal takes another card.
    """

    object: Annotated[Literal["subscription"], Meta(description="What kind of object this is.")] = "subscription"
    plan: Annotated[str, Meta(description="The plan, by its name.")]
    version: Annotated[int | None, Meta(description="The version that was bought.")] = None
    status: Annotated[str | None, Meta(description="Stripe's word for how it stands.")] = None
    current_period_start: Annotated[int | None, Meta(description="When the period began, in Unix seconds.")] = None
    current_period_end: Annotated[int | None, Meta(description="When it ends, in Unix seconds.")] = None
    trial_end: Annotated[
        int | None, Meta(description="When the trial ends, in Unix seconds; null if there is none.")
    ] = None
    cancel_at: Annotated[
        int | None, Meta(description="When it ends for good, in Unix seconds; null if it goes on.")
    ] = None
    next_plan: Annotated[
        str | None, Meta(description="The plan that follows when the period is over; null if it stays.")
    ] = None


class SubscriptionPreview(Struct, frozen=True, kw_only=True):
    """What a change would cost and bring: `amount_due` and `credits` at once, the monthly ones from then on.

    A change with this `proration_date` costs exactly this, for an hour. It is null where nothing is to pay at once.
    """

    object: Annotated[Literal["subscription_preview"], Meta(description="What kind of object this is.")] = (
        "subscription_preview"
    )
    plan: Annotated[str, Meta(description="The plan, by its name.")]
    version: Annotated[int, Meta(description="The version that would be bought.")]
    effective_at: Annotated[int, Meta(description="When the change happens, in Unix seconds.")]
    amount_due: Annotated[int, Meta(description="What is to pay at once, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    credits: Annotated[int, Meta(description="Whole credits that come at once.")]
    monthly_amount: Annotated[int, Meta(description="A month's price from then on, in the currency's smallest unit.")]
    monthly_credits: Annotated[int, Meta(description="Whole credits a month from then on.")]
    proration_date: Annotated[
        int | None,
        Meta(
            description="The moment the amount is worked out for, in Unix seconds; null where nothing is due at once."
        ),
    ]


class Health(Struct, frozen=True, kw_only=True):
    """Whether the server can do its work; each part says `ok` or what is wrong."""

    status: Annotated[HealthStatus, Meta(description="Whether it can work.")]
    checks: Annotated[dict[str, str], Meta(description="Each part by its name: `ok`, or what is wrong.")]
