"""What travels: the objects answers are made of. Frozen Structs, no behaviour.

Times are Unix seconds; `None` is written as null. Requests are in `inputs`.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import Meta, Struct

T = TypeVar("T")

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
Variant = Literal["video", "thumbnail", "spritesheet", "poster"]
Quality = Literal["turbo", "full"]
Resize = Literal["crop", "pad"]
Visibility = Literal["private", "unlisted", "public"]
CostState = Literal["held", "settled", "released"]
Bucket = Literal["allowance", "purchased", "overage"]
EntryKind = Literal["grant", "purchase", "hold", "settle", "release", "expire", "refund", "dispute"]


class ErrorMember(Struct, frozen=True):
    """The error as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None
    code: str


class ProblemBody(Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457). `param` names the field at fault; `cost`, `available` and others may follow."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    param: str | None = None
    error: ErrorMember


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: Literal["list"] = "list"
    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(Struct, frozen=True, kw_only=True):
    """The answer to a delete."""

    id: str
    object: str
    deleted: bool = True


class Lora(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA that the model has here, by its name; a weight of 0 is nothing of it, 1 what it was trained for."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    weight: Annotated[float, Meta(ge=-2, le=2)] = 1.0


class Cost(Struct, frozen=True):
    """Credits set aside for the video, and what became of them. After a part-settle, `credits` is what was charged."""

    credits: int
    state: CostState


class Assets(Struct, frozen=True):
    """Signed URLs a player can open without a token; null until there is something to fetch. `preview` is a small
    picture of what is being made, a guess: null before there is one, and again once what it shows can be watched.
    """

    video: str | None = None
    thumbnail: str | None = None
    poster: str | None = None
    spritesheet: str | None = None
    stream: str | None = None
    preview: str | None = None


class Provenance(Struct, frozen=True):
    """Whether the file says by a signature where it comes from: `pending` while it is made, `unsigned` once it is final
    and carries none.
    """

    state: Literal["pending", "unsigned"]


class VideoError(Struct, frozen=True):
    """Why it failed, as OpenAI's clients read it."""

    code: str
    message: str


class Failure(Struct, frozen=True):
    """Why it failed: whether asking again may help, whether credits came back, and a sentence for the person."""

    code: str
    retryable: bool
    refunded: bool
    user_message: str


class Video(Struct, frozen=True, kw_only=True):
    """A video and its job. `status` goes queued → in_progress → completed, failed or cancelled."""

    id: str
    object: Literal["video"] = "video"
    kind: str
    model: str
    status: Status
    progress: Annotated[int, Meta(ge=0, le=100)]
    created_at: int
    updated_at: int
    started_at: int | None
    completed_at: int | None
    expires_at: int | None
    prompt: str
    negative_prompt: str
    revised_prompt: str | None = None
    preset: str | None = None
    loras: list[Lora] = []
    seconds: str
    size: str
    seed: int
    quality: Quality
    remixed_from_video_id: str | None = None
    parents: list[str] = []
    variations: list[str]
    queue_position: int | None
    eta_seconds: int | None
    cost: Cost
    assets: Assets
    provenance: Provenance
    visibility: Visibility
    metadata: dict[str, Any]
    error: VideoError | None
    failure: Failure | None


class Preset(Struct, frozen=True, kw_only=True):
    """A style: words that are added to a prompt and, if it has one, a picture whose look clips start from."""

    id: str
    object: Literal["preset"] = "preset"
    name: str
    prompt: str
    negative_prompt: str
    picture: str | None
    built_in: bool
    own: bool
    shared: bool
    created_at: int
    updated_at: int


class UploadError(Struct, frozen=True):
    """Why an upload cannot be used."""

    code: str
    message: str


class Upload(Struct, frozen=True, kw_only=True):
    """A file that was sent in, to be named by requests until it expires. It is `receiving` until all its bytes have
    come (`offset` of them are there), then `ready`, or `refused` with an `error`. Its `kind` is what its bytes are.
    """

    id: str
    object: Literal["upload"] = "upload"
    kind: Literal["image", "video"] | None
    status: Literal["receiving", "ready", "refused"]
    filename: str
    bytes: Annotated[int, Meta(ge=0)]
    offset: Annotated[int, Meta(ge=0)]
    width: int | None
    height: int | None
    seconds: float | None
    created_at: int
    expires_at: int
    error: UploadError | None


class Image(Struct, frozen=True, kw_only=True):
    """A picture, by a URL that opens for a while or as base 64; `id` finds it among one's videos."""

    id: str
    url: str | None
    b64_json: str | None
    revised_prompt: str


class Images(Struct, frozen=True, kw_only=True):
    """Pictures that were made."""

    created: int
    output_format: Literal["jpeg"] = "jpeg"
    data: list[Image]


class Refusal(Struct, frozen=True):
    """One reason why a create with this body would be refused."""

    code: str
    param: str | None
    detail: str


class Estimate(Struct, frozen=True, kw_only=True):
    """What a create with this body would cost and take; `refusals` is empty if it would be accepted."""

    object: Literal["estimate"] = "estimate"
    credits: int | None
    eta_seconds: int | None
    refusals: list[Refusal]


class Limits(Struct, frozen=True, kw_only=True):
    """What one request to this model may ask."""

    max_seconds: int
    min_side: int
    max_side: int
    side_multiple: int
    max_upload_bytes: int
    max_upload_pixels: int
    max_film_pixels: int
    max_film_seconds: float


class Model(Struct, frozen=True, kw_only=True):
    """A model served here and what it can do. Sizes are `WxH`; the first is the default.

    `repo` is where its weights are published, null where they ship with Kinora or are the operator's own.
    `memory_gb` is of the device, with all weights on it. It is denoised at `native_sizes`, in frames of the form
    `frame_rule` × k + 1; files have the size and the length asked for. `pictures` says where a clip may be given any:
    nowhere, at its first frame, at either end, or anywhere.
    """

    id: str
    object: Literal["model"] = "model"
    title: str
    description: str
    created: int
    owned_by: str
    repo: str | None
    licence: str
    licence_url: str
    memory_gb: float
    memory_estimated: bool
    fps: float
    frame_rule: int
    sizes: list[str]
    native_sizes: list[str]
    pictures: Literal["none", "first", "ends", "any"]
    operations: list[str]
    qualities: list[Quality]
    loras: list[str]
    limits: Limits
    aliases: list[str]


class User(Struct, frozen=True, kw_only=True):
    """The person signed in."""

    id: str
    object: Literal["user"] = "user"
    email: str
    email_verified: bool
    name: str
    locale: str
    plan: str
    created_at: int


class Tokens(Struct, frozen=True, kw_only=True):
    """A fresh pair. The access token is sent as a bearer for `expires_in` seconds; the refresh token works once."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (the kind, not a token)
    expires_in: int
    refresh_token: str
    user: User


class Session(Struct, frozen=True, kw_only=True):
    """A device that is signed in."""

    id: str
    object: Literal["session"] = "session"
    user_agent: str
    created_at: int
    used_at: int
    expires_at: int
    current: bool


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key without its secret; `hint` is the end of it."""

    id: str
    object: Literal["api_key"] = "api_key"
    name: str
    scopes: list[str]
    hint: str
    created_at: int
    used_at: int | None


class NewApiKey(ApiKey, frozen=True, kw_only=True):
    """An API key as its creation answers it: the only time `key` is shown. A replay has null there."""

    key: str | None


class Amount(Struct, frozen=True, kw_only=True):
    """Credits in a bucket; an allowance goes when its period ends."""

    amount: int
    expires_at: int | None = None


class Overage(Struct, frozen=True, kw_only=True):
    """Credits used above what is there, paid afterwards."""

    enabled: bool = False
    cap: int = 0
    used: int = 0


class Buckets(Struct, frozen=True, kw_only=True):
    """The balance by where it came from."""

    allowance: Amount
    purchased: Amount
    overage: Overage


class Balance(Struct, frozen=True, kw_only=True):
    """Whole credits. `available` is what a new video may take now."""

    object: Literal["balance"] = "balance"
    available: int
    held: int
    buckets: Buckets


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """One movement as the balance feels it; the amounts of all entries sum to `available`."""

    id: str
    object: Literal["ledger_entry"] = "ledger_entry"
    created_at: int
    kind: EntryKind
    bucket: Bucket
    amount: int
    video_id: str | None


class Plan(Struct, frozen=True, kw_only=True):
    """What a plan allows: credits a month, the picture's short side in pixels, a clip's seconds, clips at once."""

    id: str
    object: Literal["plan"] = "plan"
    monthly_credits: int
    max_short_side: int
    max_seconds: int
    concurrency: int
    retention_days: int


class Health(Struct, frozen=True, kw_only=True):
    """Whether the server can do its work; each part says `ok` or what is wrong."""

    status: Literal["ok", "degraded", "down"]
    checks: dict[str, str]
