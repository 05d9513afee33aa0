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
    """Credits set aside for the video, and what became of them. After a part-settle, `credits` is what was charged.

    A `relaxed` video costs none: its plan's credits are spent, and it is made when nobody else waits.
    """

    credits: int
    state: CostState
    relaxed: bool


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
    """What a create with this body would cost and take; `refusals` is empty if it would be accepted.

    It would be `relaxed` if the credits are spent and the plan makes videos all the same, when nobody else waits.
    """

    object: Literal["estimate"] = "estimate"
    credits: int | None
    relaxed: bool
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
    """Credits used above what is there, paid afterwards: up to `cap` in a period, of which so many were charged."""

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
    """One movement as the balance feels it; the amounts of all entries sum to `available`. `invoice` is the shop's name
    for what paid for it, and `note` a sentence for the person where a movement needs one.
    """

    id: str
    object: Literal["ledger_entry"] = "ledger_entry"
    created_at: int
    kind: EntryKind
    bucket: Bucket
    amount: int
    video_id: str | None
    invoice: str | None
    note: str | None


class Plan(Struct, frozen=True, kw_only=True):
    """What a plan costs and allows, as it is sold now. `amount` is a month's price in the currency's smallest unit.

    Credits are a month's; a trial has its own. `max_short_side` is of the picture, in pixels; `concurrency` is clips
    made at once. Clips carry a visible mark if `marked`; a `relaxed` plan makes clips when nobody else waits even once
    its credits are spent. A larger `priority` is served first.
    """

    id: str
    object: Literal["plan"] = "plan"
    version: int
    amount: int
    currency: str
    monthly_credits: int
    trial_days: int
    trial_credits: int
    max_short_side: int
    max_seconds: int
    concurrency: int
    priority: int
    retention_days: int
    marked: bool
    relaxed: bool


class Pack(Struct, frozen=True, kw_only=True):
    """Credits that never expire, and what they cost in the currency's smallest unit."""

    id: str
    object: Literal["pack"] = "pack"
    version: int
    credits: int
    amount: int
    currency: str


class OverageTerms(Struct, frozen=True, kw_only=True):
    """Credits used above what is there and paid afterwards: what one costs in the currency's smallest unit, as a
    decimal text; how many a person may allow in a period, and how many it is unless they say.
    """

    amount: str
    currency: str
    max_cap: int
    default_cap: int


class PriceTier(Struct, frozen=True):
    """Credits that a second costs up to this short side of the picture, in pixels; null is for all beyond."""

    max_short_side: int | None
    rate: float


class PriceFactors(Struct, frozen=True, kw_only=True):
    """How a clip's price comes about: seconds × rate × quality × model × operation, rounded up, 1 credit at least, for
    each variation. Seconds are those that are made anew, `least_seconds` at least, and a still has none. A model or an
    operation that is not named has the factor 1.
    """

    tiers: list[PriceTier]
    quality: dict[Quality, float]
    models: dict[str, float]
    operations: dict[str, float]
    least_seconds: float


class Plans(Page[Plan], frozen=True, kw_only=True):
    """The plans, and with them everything else that is sold: packs of credits, overage, and what work costs."""

    packs: list[Pack]
    overage: OverageTerms
    prices: PriceFactors


class Checkout(Struct, frozen=True, kw_only=True):
    """A page to pay at, open until `expires_at`. `item` is the plan or the pack; `amount` is of the currency's smallest
    unit, a month for a plan, whose first `trial_days` are free.
    """

    id: str
    object: Literal["checkout"] = "checkout"
    kind: Literal["subscription", "pack"]
    item: str
    quantity: int
    amount: int
    currency: str
    trial_days: int
    url: str
    expires_at: int


class Portal(Struct, frozen=True, kw_only=True):
    """A page at which bills, cards and the end of a subscription are looked after. It opens once, for a short while."""

    object: Literal["portal"] = "portal"
    url: str


class Subscription(Struct, frozen=True, kw_only=True):
    """What somebody is subscribed to; all null but the plan for who is not.

    It ends at `cancel_at`, or goes on as `next_plan` when the period is over. `past_due` and `unpaid` wait for a
    payment: the portal takes another card.
    """

    object: Literal["subscription"] = "subscription"
    plan: str
    version: int | None = None
    status: str | None = None
    current_period_start: int | None = None
    current_period_end: int | None = None
    trial_end: int | None = None
    cancel_at: int | None = None
    next_plan: str | None = None


class SubscriptionPreview(Struct, frozen=True, kw_only=True):
    """What a change would cost and bring: `amount_due` and `credits` at once, the monthly ones from then on.

    A change with this `proration_date` costs exactly this, for an hour. It is null where nothing is to pay at once.
    """

    object: Literal["subscription_preview"] = "subscription_preview"
    plan: str
    version: int
    effective_at: int
    amount_due: int
    currency: str
    credits: int
    monthly_amount: int
    monthly_credits: int
    proration_date: int | None


class Health(Struct, frozen=True, kw_only=True):
    """Whether the server can do its work; each part says `ok` or what is wrong."""

    status: Literal["ok", "degraded", "down"]
    checks: dict[str, str]
